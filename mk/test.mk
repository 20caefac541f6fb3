# The tests, stage by stage.

##@ Work on it

.PHONY: soak test unit node-tests test-http test-cli test-page test-proxy test-watch test-systemd test-python test-tools test-sanitize test-tsan test-debian
.PHONY: test-jobs jobs-kill deps-test format

# Stages run one by one, each on all cores, so that outputs do not mix, but for
# those that wait most of the time; what CI's last stages need built is built
# meanwhile, as tests/run says.
BINARY_STAGES := unit $(if $(wildcard tests/http/*.py),test-http) \
                 $(if $(wildcard tests/cli/*.py),test-cli)
STAGES := check $(BINARY_STAGES) test-page \
          test-watch+test-proxy+test-systemd+test-python \
          test-tools \
          $(if $(filter true,$(CI)),test-jobs test-sanitize test-tsan test-image test-arm64)
AHEAD := $(if $(filter true,$(CI)),test-python) \
         $(filter test-jobs test-sanitize test-tsan test-image,$(STAGES))

test: ## install what the tests need, run them all, and print a summary
	@$(MAKE) deps-test
	@$(if $(AHEAD),timeout 300 tools/deps.sh image >/dev/null 2>&1 || :)
	@$(MAKE) model build node-tests
	@MAKE="$(MAKE)" AHEAD="$(AHEAD)" tests/run $(STAGES)

.PHONY: unit-build
unit-build: $(UNIT_BIN)

# OMIT="graph_split onnx" leaves tests out. A replay has too little time for QEMU.
unit: $(UNIT_BIN) ## build and run the unit tests
	@tests/unit/run.sh $(filter-out $(foreach t,$(OMIT),%/test_$t),$(UNIT_BIN)) \
	    $(if $(EMULATOR),,$(REPLAY_BIN)); status=$$?; tail -n 1 build/nodes.txt; exit $$status

test-http: ## test the real binary over HTTP
test-cli: ## test the real binary on the command line
test-http test-cli: test-%: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) $(or $(TESTS),tests/$*)

# For tests/cli/test_library.py, which cannot load one with sanitizers.
test-cli: $(if $(SANITIZE),,$B/libwherefore.so)

test-page: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok ## test the page in Chromium
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) tests/page

PYTEST_DIRS := $(wildcard tests/tools tests/checks)
test-tools: $(VENV)/tests.ok ## test the Python tools and the checks
	@CC="$(CC)" $(PYTEST) $(PYTEST_DIRS)

test-proxy: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok | $(PROXIES) ## test two instances behind nginx and Caddy
	@WHEREFORE=$(CURDIR)/$B/wherefore TEST_JOBS=1 $(PYTEST) tests/proxy

test-watch: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok | $(PROMETHEUS) ## test metrics, alerts and dashboard with Prometheus
	@WHEREFORE=$(CURDIR)/$B/wherefore TEST_JOBS=1 $(PYTEST) tests/watch

test-systemd: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok ## test the units of config/ under a real systemd, as root
	@TEST_JOBS=1 $(PYTEST) tests/systemd

# In an environment that has nothing but what it lists, and the wheel.
WHEEL_VENV := $(WHEEL_OUT)/venv
$(WHEEL_VENV)/tests.ok: tests/python/requirements.txt
	$(call quiet,VENV,$(WHEEL_VENV))$(PYTHON) -m venv --clear $(WHEEL_VENV)
	$(call quiet,PIP,$@)$(WHEEL_VENV)/bin/python -m pip install -q --no-compile -r $<
	@touch $@
$(WHEEL_VENV)/wheel.ok: $(WHEEL_OUT)/wheel.ok $(WHEEL_VENV)/tests.ok
	$(call quiet,PIP,$@)$(WHEEL_VENV)/bin/python -m pip install -q --no-deps --force-reinstall $(WHEEL_OUT)/*.whl
	@touch $@

test-python: $(WHEEL_VENV)/wheel.ok $B/wherefore models/$(MODEL)/model.json ## test the Python wheel in an environment of its own
	@TEST_JOBS=$${TEST_JOBS:-2} TEST_VENV=$(WHEEL_VENV) $(PYTEST) $(or $(TESTS),tests/python)

# The same with Ray and Spark, which are 1.1 GB, so only CI has this stage by itself.
JOBS_VENV := build/jobs-venv
$(JOBS_VENV)/tests.ok: tests/jobs/requirements.txt
	$(call quiet,VENV,$(JOBS_VENV))$(PYTHON) -m venv --clear $(JOBS_VENV)
	$(call quiet,PIP,$@)$(JOBS_VENV)/bin/python -m pip install -q --no-compile -r $<
	@touch $@
$(JOBS_VENV)/wheel.ok: $(WHEEL_OUT)/wheel.ok $(JOBS_VENV)/tests.ok
	$(call quiet,PIP,$@)$(JOBS_VENV)/bin/python -m pip install -q --no-deps --force-reinstall $(WHEEL_OUT)/*.whl
	@touch $@

JOBS_PYTEST = WHEREFORE=$(CURDIR)/$B/wherefore TEST_VENV=$(JOBS_VENV) $(PYTEST)
test-jobs: ahead-test-jobs ## test examples/jobs with Ray and Spark, parts of which are killed
	@$(JOBS_PYTEST) $(or $(TESTS),tests/jobs)

jobs-kill: ahead-test-jobs ## the kills with many photos, one after the other: PHOTOS=5000
	@PHOTOS=$(or $(PHOTOS),5000) TEST_JOBS=1 $(JOBS_PYTEST) -s --durations=0 tests/jobs/test_ray.py tests/jobs/test_spark.py

.PHONY: ahead-test-python ahead-test-jobs ahead-test-sanitize ahead-test-tsan ahead-test-image
ahead-test-python: $(WHEEL_VENV)/wheel.ok
ahead-test-jobs: $B/wherefore models/$(MODEL)/model.json $(JOBS_VENV)/wheel.ok
ahead-test-sanitize:
	@$(MAKE) SANITIZE=address,undefined build unit-build
ahead-test-tsan:
	@$(MAKE) SANITIZE=thread build
# Both processors', so that nothing is built while containers run.
ahead-test-image: model
	@tools/image-test.sh --ahead
	@PLATFORM=linux/arm64 tools/image-test.sh --ahead

test-sanitize: ahead-test-sanitize ## run unit, HTTP and CLI tests under AddressSanitizer and UBSan
	@failed=0; for stage in $(BINARY_STAGES); do \
	    $(MAKE) SANITIZE=address,undefined $$stage || failed=1; \
	done; exit $$failed

# CI runs the files whose thread interactions differ.
test-tsan: ## run the HTTP tests under ThreadSanitizer
	@$(MAKE) SANITIZE=thread test-http $(if $(filter true,$(CI)),\
	    TESTS='$(patsubst %,tests/http/test_%.py,access answer life limits models protocol)')

soak: build models/$(MODEL)/model.json $(VENV)/tests.ok ## run under full load with hostile clients: SECONDS=600
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PY) tests/soak.py \
	    --seconds $(if $(filter command,$(origin SECONDS)),$(SECONDS),600)

test-debian: ## run `make test` in a fresh Debian chroot: SUITE=trixie or bookworm
	@tools/chroot-test.sh $(or $(SUITE),trixie)

deps-test: ## also install the Debian packages that the tests need
	@tools/deps.sh test
