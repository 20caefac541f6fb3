# Checks that do not run the program.

##@ Check it

CHECKS := check-format check-layers check-headers check-prefix check-docs \
          check-python check-shell check-docker
.PHONY: check lists $(CHECKS)

check: $(CHECKS) ## run all checks below

C_FILES = $(shell find engine server cli bench tests -name '*.[ch]' -o -name '*.inc')
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

check-prefix: $(ENGINE_OBJ) $(SERVER_OBJ) $(CLI_OBJ) ## check that the exports of X.c begin with X_
	@$(PYTHON) tools/checks/prefix.py $(filter-out %.pb-c.o,$^)

check-docs: ## check names and lists in the docs, and a README in each room
	@$(PYTHON) tools/checks/docs.py
	@$(PYTHON) tools/checks/lists.py
	@$(PYTHON) tools/checks/options.py

lists: ## rewrite the lists of operators, tested networks and options in docs/ and config/
	@$(PYTHON) tools/checks/lists.py --write
	@$(PYTHON) tools/checks/options.py --write

check-python: $(VENV)/tools/checks.ok ## run ruff on the Python sources
	@$(VENV)/bin/ruff check -q --no-cache . && echo "ok: ruff has nothing to say"

SHELL_FILES = .ci/run $(wildcard tools/*.sh docker/*.sh tests/run tests/unit/run.sh bench/run bench/*.sh)
check-shell: $(VENV)/tools/checks.ok ## run shellcheck on the shell scripts
	@$(VENV)/bin/shellcheck $(SHELL_FILES)
	@echo "ok: shellcheck has nothing to say"

# Excludes kustomize's own files, patches, and custom resources.
MANIFESTS = $(filter-out %/kustomization.yaml %/monitor.yaml docker/kubernetes/overlay/autoscaler.yaml, \
                $(wildcard docker/kubernetes/*/*.yaml))
check-docker: $(VENV)/tools/checks.ok ## run hadolint on the Dockerfile, and validate the Kubernetes manifests
	@$(VENV)/bin/hadolint Dockerfile && echo "ok: hadolint has nothing to say"
	@$(VENV)/bin/kubernetes-validate --quiet --strict $(MANIFESTS)
	@echo "ok: $(words $(MANIFESTS)) manifests are as Kubernetes wants them"
