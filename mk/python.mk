# Downloads: the Python virtual environment, ONNX's tests, proxies for tests.

# Where the Python wheel is made and tested: mk/ship.mk, mk/test.mk.
WHEEL_OUT := $B/python

# The private Python environment, one mark for each requirements.txt in it.
$(PY):
	$(call quiet,VENV,$(VENV))$(PYTHON) -m venv --clear $(VENV)

# All of the tests' in one call, so that pip sees two that disagree; but for those
# of the wheel and of jobs, which have environments of their own.
TEST_REQUIREMENTS := $(filter-out tests/python/% tests/jobs/%, \
    $(wildcard tools/requirements.txt tests/*/requirements.txt))
$(VENV)/tests.ok: $(TEST_REQUIREMENTS) | $(PY)
	$(call quiet,PIP,$@)flock $(VENV)/pyvenv.cfg $(PY) -m pip install -q $(^:%=-r %)
	@touch $@

$(VENV)/%.ok: %/requirements.txt | $(PY)
	@mkdir -p $(@D)
	$(call quiet,PIP,$@)flock $(VENV)/pyvenv.cfg $(PY) -m pip install -q -r $<
	@touch $@

# Debian's libonnx-testdata has those of one version of ONNX, PyPI's others.
NODE_TESTS := build/onnx-node-tests
node-tests: $(NODE_TESTS)/ok ## download the node tests of ONNX 1.16.2, for tests/unit/network/test_nodes.c
	@:
$(NODE_TESTS)/ok: | $(PY)
	$(call quiet,GET,$(NODE_TESTS))$(PY) -m pip download -q --no-deps \
	    --only-binary=:all: --python-version 3.11 \
	    --platform manylinux2014_x86_64 -d $(@D) onnx==1.16.2
	@cd $(@D) && $(PYTHON) -m zipfile -e onnx-1.16.2-*.whl . && \
	    find onnx -mindepth 1 -maxdepth 1 ! -name backend -exec rm -rf {} + && \
	    rm -rf onnx-1.16.2* && touch ok

# Debian's servers, if need be unpacked only: installing would start them.
PROXIES := $(or $(wildcard /usr/sbin/nginx),build/nginx/usr/sbin/nginx) \
           $(or $(wildcard /usr/bin/caddy),build/caddy/usr/bin/caddy)
PROMETHEUS := $(or $(wildcard /usr/bin/prometheus),build/prometheus/usr/bin/prometheus)
build/nginx/usr/sbin/nginx build/caddy/usr/bin/caddy build/prometheus/usr/bin/prometheus:
	@mkdir -p build/$(@F) && cd build/$(@F) && \
	    apt-get download -qq $(@F) 2>/dev/null && \
	    dpkg-deb -x $(@F)_*.deb . && rm $(@F)_*.deb || \
	    echo "there is no $(@F) to be had: its tests will be skipped"
