# Checks that do not run the program.

##@ Check it

CHECKS := check-format check-layers check-headers check-prefix check-size check-docs \
          check-python check-shell check-docker
.PHONY: check lists $(CHECKS)

check: $(CHECKS) ## run all checks below

C_FILES = $(shell find engine server cli lib bench tests tools examples/c -name '*.[ch]' -o -name '*.inc')
CLANG_FORMAT := $(VENV)/bin/clang-format

format: $(VENV)/tools/checks.ok ## format the C sources
	@$(CLANG_FORMAT) -i $(C_FILES)

check-format: $(VENV)/tools/checks.ok ## check the format of the C sources
	@$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)
	@echo "ok: $(words $(C_FILES)) files are formatted"

check-layers: ## check that includes go down, and that each library has one door
	@$(PYTHON) tools/checks/layers.py

check-headers: $B/gen/onnx.pb-c.h ## check that each header compiles alone; guards and order
	@$(PYTHON) tools/checks/headers.py \
	    $(CC) $(STANDARD) $(WARNINGS) -Werror -I$B/gen -I. $(PKG_CFLAGS)

check-prefix: $(ENGINE_OBJ) $(SERVER_OBJ) $(CLI_OBJ) $(LIB_OBJ) ## check that the exports of X.c begin with X_
	@$(PYTHON) tools/checks/prefix.py $(filter-out %.pb-c.o,$^)

check-size: ## check that no C file is over 500 lines, no function over 60
	@$(PYTHON) tools/checks/size.py

# The tables of options, routes, problems, metrics and operators, as JSON.
$B/tables: $B/obj/tools/checks/tables.o $B/libserver.a $B/libengine.a $B/flags
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group $(LIBS)
$B/obj/tools/checks/tables.o: | $B/gen/onnx.pb-c.h
$B/tables.json: $B/tables
	@$(EMULATOR) $< > $@

check-docs: $B/tables.json $B/wherefore ## check names and lists in the docs, and a README in each room
	@$(PYTHON) tools/checks/docs.py
	@$(PYTHON) tools/checks/lists.py $<
	@$(PYTHON) tools/checks/names.py $< $B/wherefore

lists: $B/tables.json ## rewrite the lists of options, operators and networks
	@$(PYTHON) tools/checks/lists.py --write $<

# mypy reads the annotations of Pillow and pyarrow, which the tests bring.
check-python: $(VENV)/tools/checks.ok $(VENV)/python.ok $(VENV)/tests.ok ## run ruff on the Python sources, and mypy on the package
	@$(VENV)/bin/ruff check -q --no-cache . && echo "ok: ruff has nothing to say"
	@cd python && $(CURDIR)/$(VENV)/bin/mypy --no-error-summary \
	    --cache-dir $(CURDIR)/build/mypy && echo "ok: mypy has nothing to say"

SHELL_FILES = .ci/run $(wildcard tools/*.sh docker/*.sh tests/run tests/*.sh tests/unit/run.sh bench/run bench/*.sh)
check-shell: $(VENV)/tools/checks.ok ## run shellcheck on the shell scripts
	@$(VENV)/bin/shellcheck $(SHELL_FILES)
	@echo "ok: shellcheck has nothing to say"

# Excludes kustomize's own files, patches, and custom resources.
MANIFESTS = $(filter-out %/kustomization.yaml %/monitor.yaml docker/kubernetes/overlay/autoscaler.yaml docker/kubernetes/kserve/% docker/kubernetes/queue/%, \
                $(wildcard docker/kubernetes/*/*.yaml))
check-docker: $(VENV)/tools/checks.ok ## run hadolint on the Dockerfile, and validate the Kubernetes manifests
	@$(VENV)/bin/hadolint Dockerfile && echo "ok: hadolint has nothing to say"
	@$(VENV)/bin/kubernetes-validate --quiet --strict $(MANIFESTS)
	@echo "ok: $(words $(MANIFESTS)) manifests are as Kubernetes wants them"
