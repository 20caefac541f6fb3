# wherefore. `make help` lists the targets.
#
#   SANITIZE=address,undefined   builds into build/sanitize-… with sanitizers
#   WERROR=1                     warnings are errors (CI=true sets it)
#   CC= CFLAGS= LDFLAGS=         as usual; a change rebuilds what it touches
#   ARCH=arm64                   builds for that processor, into build/arm64
#   MODEL=efficientnet-lite2     another model for `make model` and `make run`
#   LISTEN=127.0.0.1:8080        where `make run` serves
#   PREFIX=/usr/local DESTDIR=   where `make install` puts things
#   V=1                          prints the compiler's command lines in full
#
# A new .c file, test or requirements.txt is found by wildcard: nothing here
# needs to be edited for it.

SHELL := /bin/bash
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:

CC ?= cc
CFLAGS ?= -O2 -g
PYTHON ?= python3
PREFIX ?= /usr/local
MODEL ?= efficientnet-lite0
LISTEN ?= 127.0.0.1:8080
SANITIZE ?=
ARCH ?=
ifeq ($(CI),true)
WERROR ?= 1
endif

# As many jobs as there are cores, unless the caller says otherwise.
ifeq ($(MAKELEVEL)$(filter -j% --jobs%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory

comma := ,
# Another processor than this machine's: Debian's compiler for it, its
# libraries beside ours, and QEMU for the tests. tools/deps.sh installs them.
CROSS := $(if $(ARCH),$(filter-out $(shell tools/deps.sh --arch),$(ARCH)))
B := build$(if $(CROSS),/$(CROSS))$(if $(SANITIZE),/sanitize-$(subst $(comma),-,$(SANITIZE)))
ifneq ($(CROSS),)
TRIPLET := $(shell tools/deps.sh --triplet $(CROSS))
CC := $(TRIPLET)-gcc
AR := $(TRIPLET)-ar
export EMULATOR := qemu-$(firstword $(subst -, ,$(TRIPLET)))
PKG_CONFIG := PKG_CONFIG_LIBDIR=/usr/lib/$(TRIPLET)/pkgconfig:/usr/share/pkgconfig pkg-config
endif
PKG_CONFIG ?= pkg-config
export ARCH
VENV := build/venv
PY := $(VENV)/bin/python
BENCH_VENV := build/bench/venv
BENCH_PEERS := peers $(if $(QUICK),,grad-cam)
BENCH_LITERT := build/bench/litert
# Made by bench/trixie.sh: Debian 13's XNNPACK, for int8.
TRIXIE ?= $(wildcard /var/tmp/wherefore-bench)
PYTEST := $(PY) -m pytest -q -p no:cacheprovider

# --- flags -------------------------------------------------------------------

PKGS := libmicrohttpd jansson libturbojpeg spng libwebp lcms2 zlib libprotobuf-c \
        nettle inih libseccomp
# Asked once, when the first recipe needs them: before `make deps` there may be
# no pkg-config to ask.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $$(PKG_CONFIG) --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $$(PKG_CONFIG) --libs $(PKGS)))$(PKG_LIBS)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla \
            -Wundef $(if $(WERROR),-Werror)
# A sanitizer brings its own checks, and _FORTIFY_SOURCE needs an optimiser.
HARDEN := -fPIE -fstack-protector-strong \
          $(if $(SANITIZE)$(filter -O0,$(CFLAGS)),,-fstack-clash-protection \
            -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) \
                    -fno-sanitize-recover=all -fno-omit-frame-pointer)
STANDARD := -std=c11 -D_GNU_SOURCE
ALL_CFLAGS = $(STANDARD) $(WARNINGS) $(HARDEN) -pthread -I$B/gen -Iengine -I. \
             $(PKG_CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack \
              -Wl,--as-needed $(SANITIZE_FLAGS) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lXNNPACK -lpthreadpool -lm

# --- what there is -----------------------------------------------------------

ENGINE_SRC := $(wildcard engine/*.c)
SERVER_SRC := $(wildcard server/*.c)
CLI_SRC := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
# What tests share: tests/reference.c, tests/unit/anything_else.c.
TESTLIB_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/*.c tests/unit/*.c))
STATIC := $(shell find static -type f 2>/dev/null)
# The numeric kernels: the compiler may vectorise them freely.
KERNEL_SRC := $(wildcard engine/resize.c engine/preprocess.c engine/cam.c \
                         engine/heatmap.c engine/box.c engine/deflate.c \
                         engine/pngout.c engine/quantize.c \
                         engine/image_png_rows.c engine/image_colour.c \
                         engine/kernel_*.c)

objects = $(1:%.c=$B/obj/%.o)
ENGINE_OBJ := $(call objects,$(ENGINE_SRC)) \
              $(if $(wildcard engine/onnx.proto),$B/obj/gen/onnx.pb-c.o)
SERVER_OBJ := $(call objects,$(SERVER_SRC))
CLI_OBJ := $(call objects,$(CLI_SRC))
TESTLIB_OBJ := $(call objects,$(TESTLIB_SRC))
UNIT_OBJ := $(call objects,$(UNIT_SRC))
UNIT_BIN := $(UNIT_SRC:%.c=$B/%)
BENCH_BIN := $(patsubst %.c,$B/%,$(wildcard bench/*.c))

##@ Use it

.PHONY: help run deps build model install uninstall

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
	      /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	      /^[a-z0-9-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' Makefile
	@echo; sed -n 's/^#   /  /p' Makefile

run: ## install what is missing, make the model, build, and serve on LISTEN
	@$(MAKE) deps
	@$(MAKE) model build
	@exec $B/wherefore serve --listen $(LISTEN) --model models/$(MODEL)

deps: ## install the Debian packages that the build needs and that are missing
	@tools/deps.sh

build: $B/wherefore ## build build/wherefore
	@:

model: models/$(MODEL)/model.json ## make models/MODEL (downloads the weights once)
	@:

install: build ## install the program, docs and models made so far under PREFIX
	install -D -m 755 $B/wherefore $(DESTDIR)$(PREFIX)/bin/wherefore
	for f in $(wildcard models/*/*); do \
	    install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/wherefore/$$f || exit; \
	done
	for f in LICENSE $(wildcard *.md docs/*.md docs/images/* \
	    config/*); do \
	    install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/wherefore/$$f || exit; \
	done

uninstall: ## remove what install has put under PREFIX
	rm -f $(DESTDIR)$(PREFIX)/bin/wherefore
	rm -rf $(DESTDIR)$(PREFIX)/share/wherefore
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/wherefore

##@ Work on it

.PHONY: soak test unit node-tests test-http test-cli test-page test-proxy test-watch test-systemd test-tools test-sanitize test-tsan test-debian
.PHONY: deps-test bench format clean distclean

# Stages run one by one: their timings mean something, their output is whole.
BINARY_STAGES := unit $(if $(wildcard tests/http/*.py),test-http) \
                 $(if $(wildcard tests/cli/*.py),test-cli)
STAGES := check $(BINARY_STAGES) test-page test-proxy test-watch test-systemd \
          test-tools \
          $(if $(filter true,$(CI)),test-sanitize test-tsan test-image test-arm64)

test: ## install what the tests need and run them all; one summary at the end
	@$(MAKE) deps-test
	@$(MAKE) model build node-tests
	@MAKE="$(MAKE)" tests/run $(STAGES)

.PHONY: unit-build
unit-build: $(UNIT_BIN)

# OMIT="graph_split onnx": without those.
unit: $(UNIT_BIN) ## build and run the unit tests
	@tests/unit/run $(filter-out $(OMIT:%=$B/tests/unit/test_%),$(UNIT_BIN)); status=$$?; tail -n 1 build/nodes.txt; exit $$status

# Debian's libonnx-testdata has those of one version of ONNX, PyPI's others.
NODE_TESTS := build/onnx-node-tests
node-tests: $(NODE_TESTS)/ok ## fetch ONNX 1.16.2's node tests, for tests/unit/test_nodes.c
	@:
$(NODE_TESTS)/ok: | $(PY)
	$(call quiet,GET,$(NODE_TESTS))$(PY) -m pip download -q --no-deps \
	    --only-binary=:all: --python-version 3.11 \
	    --platform manylinux2014_x86_64 -d $(@D) onnx==1.16.2
	@cd $(@D) && $(PYTHON) -m zipfile -e onnx-1.16.2-*.whl . && \
	    find onnx -mindepth 1 -maxdepth 1 ! -name backend -exec rm -rf {} + && \
	    rm -rf onnx-1.16.2* && touch ok

test-http: ## test the real binary over HTTP
test-cli: ## test the real binary on the command line
test-http test-cli: test-%: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) $(or $(TESTS),tests/$*)

test-page: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok ## test the page in Chromium
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) tests/page

PYTEST_DIRS := $(wildcard tests/tools tests/checks)
test-tools: $(VENV)/tests.ok ## test the Python tools and the checks
	@CC="$(CC)" $(PYTEST) $(PYTEST_DIRS)

# Debian's servers, if need be unpacked only: installing would start them.
PROXIES := $(or $(wildcard /usr/sbin/nginx),build/nginx/usr/sbin/nginx) \
           $(or $(wildcard /usr/bin/caddy),build/caddy/usr/bin/caddy)
PROMETHEUS := $(or $(wildcard /usr/bin/prometheus),build/prometheus/usr/bin/prometheus)
build/nginx/usr/sbin/nginx build/caddy/usr/bin/caddy build/prometheus/usr/bin/prometheus:
	@mkdir -p build/$(@F) && cd build/$(@F) && \
	    apt-get download -qq $(@F) 2>/dev/null && \
	    dpkg-deb -x $(@F)_*.deb . && rm $(@F)_*.deb || \
	    echo "there is no $(@F) to be had: its tests will be skipped"

test-proxy: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok | $(PROXIES) ## test two instances behind nginx and Caddy
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) tests/proxy

test-watch: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok | $(PROMETHEUS) ## test metrics, alerts and dashboard with Prometheus
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PYTEST) tests/watch

test-systemd: $B/wherefore models/$(MODEL)/model.json $(VENV)/tests.ok ## test the units of config/ under a real systemd, as root
	@$(PYTEST) tests/systemd

test-sanitize: ## unit, HTTP and CLI tests under AddressSanitizer and UBSan
	@$(MAKE) SANITIZE=address,undefined build unit-build
	@failed=0; for stage in $(BINARY_STAGES); do \
	    $(MAKE) SANITIZE=address,undefined $$stage || failed=1; \
	done; exit $$failed

# In CI those in which threads meet in other ways than in the rest.
test-tsan: ## HTTP tests under ThreadSanitizer
	@$(MAKE) SANITIZE=thread test-http $(if $(filter true,$(CI)),\
	    TESTS='$(patsubst %,tests/http/test_%.py,access answer life limits mistakes models protocol)')

soak: build models/$(MODEL)/model.json $(VENV)/tests.ok ## full load and hostile clients: SECONDS=600
	@WHEREFORE=$(CURDIR)/$B/wherefore $(PY) tests/soak.py \
	    --seconds $(if $(filter command,$(origin SECONDS)),$(SECONDS),600)

test-debian: ## run `make test` in a fresh Debian chroot: SUITE=trixie or bookworm
	@tools/chroot-test.sh $(or $(SUITE),trixie)

deps-test: ## install the Debian packages that the tests need as well
	@tools/deps.sh test

bench: build model $(BENCH_BIN) $(BENCH_PEERS:%=$(BENCH_VENV)/%.ok) \
       $(if $(QUICK),,$(BENCH_LITERT)/$(MODEL).tflite)
bench: ## measure beside others: QUICK=1, TRIXIE=FOLDER; see bench/
	@tools/deps.sh bench
	@bench/run $(if $(QUICK),--quick) $(if $(TRIXIE),--root $(TRIXIE))

clean: ## remove everything built (the models and the Python venv stay)
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 \
	    ! -name venv -exec rm -rf {} +; fi

distclean: clean ## remove the venv, the models and all else that git ignores
	rm -rf build models
	find . -name __pycache__ -prune -exec rm -rf {} +

##@ Ship it

.PHONY: image image-unit test-image test-arm64 sbom dist deps-image

image: model ## build the container image: IMAGE=wherefore:latest PLATFORM=linux/arm64
	@MODEL=$(MODEL) tools/image.sh

image-unit: model ## run the unit tests in the image's builder, on Debian 13
	@MODEL=$(MODEL) IMAGE=localhost/wherefore-unit tools/image.sh test

test-image: model build $(VENV)/tests.ok ## build the image and test it, locked in; unit tests on Debian 13
	@tools/image-test.sh

test-arm64: model build $(VENV)/tests.ok ## build the image for arm64 and test it with QEMU
	@PLATFORM=linux/arm64 tools/image-test.sh

sbom: image ## write build/wherefore-VERSION.spdx.json: what is in the image
	@tools/image-run.sh --sbom

dist: ## write build/wherefore-VERSION.tar.gz, the source
	@tools/dist.sh

deps-image: ## install what builds and runs the image, where Debian has it
	@tools/deps.sh image

##@ Check it

CHECKS := check-format check-layers check-headers check-prefix check-docs \
          check-python check-shell check-docker
.PHONY: check lists $(CHECKS)

check: $(CHECKS) ## all of the checks below

C_FILES = $(wildcard $(foreach d,engine server cli bench tests tests/unit tests/fuzz,$d/*.c $d/*.h $d/*.inc))
CLANG_FORMAT := $(VENV)/bin/clang-format

format: $(VENV)/tools/checks.ok ## format the C sources
	@$(CLANG_FORMAT) -i $(C_FILES)

check-format: $(VENV)/tools/checks.ok ## the C sources are formatted
	@$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)
	@echo "ok: $(words $(C_FILES)) files are formatted"

check-layers: ## includes go down, and each library has its one door
	@$(PYTHON) tools/checks/layers.py

check-headers: $B/gen/onnx.pb-c.h ## each header compiles alone; guards and order
	@$(PYTHON) tools/checks/headers.py \
	    $(CC) $(STANDARD) $(WARNINGS) -Werror -I$B/gen -Iengine -I. $(PKG_CFLAGS)

check-prefix: $(ENGINE_OBJ) $(SERVER_OBJ) $(CLI_OBJ) ## what X.c exports begins with X_
	@$(PYTHON) tools/checks/prefix.py $(filter-out %.pb-c.o,$^)

check-docs: ## docs name every file, operator, tested network and option
	@$(PYTHON) tools/checks/docs.py
	@$(PYTHON) tools/checks/lists.py
	@$(PYTHON) tools/checks/options.py

lists: ## list the operators, tested networks and options anew, in docs/ and config/
	@$(PYTHON) tools/checks/lists.py --write
	@$(PYTHON) tools/checks/options.py --write

check-python: $(VENV)/tools/checks.ok ## ruff on the Python sources
	@$(VENV)/bin/ruff check -q --no-cache . && echo "ok: ruff has nothing to say"

SHELL_FILES = .ci/run $(wildcard tools/*.sh docker/*.sh tests/run tests/unit/run bench/run bench/*.sh)
check-shell: $(VENV)/tools/checks.ok ## shellcheck on the shell scripts
	@$(VENV)/bin/shellcheck $(SHELL_FILES)
	@echo "ok: shellcheck has nothing to say"

# Not kustomize's own files, its patches, and what is no part of Kubernetes.
MANIFESTS = $(filter-out %/kustomization.yaml %/monitor.yaml docker/kubernetes/overlay/autoscaler.yaml, \
                $(wildcard docker/kubernetes/*/*.yaml))
check-docker: $(VENV)/tools/checks.ok ## hadolint on the Dockerfile; Kubernetes' schemas on the manifests
	@$(VENV)/bin/hadolint Dockerfile && echo "ok: hadolint has nothing to say"
	@$(VENV)/bin/kubernetes-validate --quiet --strict $(MANIFESTS)
	@echo "ok: $(words $(MANIFESTS)) manifests are as Kubernetes wants them"

# $(call quiet,CC,file) before a command prints that instead of the command.
quiet = $(if $(V),,@printf '  %-4s %s\n' $1 $2;)

# --- how ---------------------------------------------------------------------

$B/wherefore: $(CLI_OBJ) $(SERVER_OBJ) $B/libengine.a $B/flags
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

$B/libengine.a: $(ENGINE_OBJ)
$B/libserver.a: $(SERVER_OBJ)
$B/libtest.a: $(TESTLIB_OBJ)
$B/lib%.a:
	@mkdir -p $(@D); rm -f $@
	$(call quiet,AR,$@)$(AR) rcs $@ $^

# Our own sources may not use what engine/banned.h bans.
$B/obj/engine/%.o $B/obj/server/%.o $B/obj/cli/%.o: private \
    ALL_CFLAGS += -include engine/banned.h
# Nobody reads errno or the floating point exceptions after them.
$(call objects,$(KERNEL_SRC)): private CFLAGS := $(CFLAGS:-O2=-O3) \
    -fno-math-errno -fno-trapping-math

$B/obj/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/obj/gen/%.o: $B/gen/%.c $B/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<

# protoc writes the .c and the .h at once.
$B/gen/onnx.pb-c%c $B/gen/onnx.pb-c%h: engine/onnx%proto
	@mkdir -p $(@D)
	$(call quiet,GEN,$@)protoc --proto_path=engine --c_out=$(@D) onnx.proto

$(filter $B/obj/engine/onnx%,$(ENGINE_OBJ)): | $B/gen/onnx.pb-c.h

# Files embedded with .incbin are not in the compiler's dependency list.
$(call objects,$(shell grep -l incbin $(SERVER_SRC) /dev/null)): $(STATIC)

# Only a test that includes something of the server is linked with it.
$(patsubst %.c,$B/%,$(shell grep -l '"server/' $(UNIT_SRC) /dev/null)): $B/libserver.a
$(UNIT_BIN): $B/tests/unit/%: $B/obj/tests/unit/%.o $B/libtest.a $B/libengine.a \
                              $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group -lcmocka $(LIBS)

$(BENCH_BIN): $B/bench/%: $B/obj/bench/%.o $B/libengine.a $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

# Holds the flags of the last build; newer than the objects where they changed.
FLAGS_TEXT = $(CC) $(ALL_CFLAGS) kernels $(CFLAGS:-O2=-O3) $(ALL_LDFLAGS) $(LIBS)
.PHONY: FORCE
$B/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

# A model that is there is left alone, whatever the age of its files, and then
# no venv is needed.
ifeq ($(wildcard models/$(MODEL)/model.json),)
models/$(MODEL)/model.json: | $(VENV)/tools.ok
	@$(PY) tools/model.py $(MODEL)
endif

# Sanitizers stop at the first finding and say where it came from.
export ASAN_OPTIONS ?= detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= second_deadlock_stack=1 \
    $(if $(wildcard tests/tsan.supp),suppressions=$(CURDIR)/tests/tsan.supp)

# The private Python environment, one mark for each requirements.txt in it.
$(PY):
	$(call quiet,VENV,$(VENV))$(PYTHON) -m venv --clear $(VENV)

# All of the tests' in one call, so that pip sees two that disagree.
TEST_REQUIREMENTS := $(wildcard tools/requirements.txt tests/*/requirements.txt)
$(VENV)/tests.ok: $(TEST_REQUIREMENTS) | $(PY)
	$(call quiet,PIP,$@)flock $(VENV)/pyvenv.cfg $(PY) -m pip install -q $(^:%=-r %)
	@touch $@

$(VENV)/%.ok: %/requirements.txt | $(PY)
	@mkdir -p $(@D)
	$(call quiet,PIP,$@)flock $(VENV)/pyvenv.cfg $(PY) -m pip install -q -r $<
	@touch $@

# The services and engines that bench/ compares with. Everything is pinned, and
# nothing brings along what it depends on: PyTorch's would be a CUDA.
$(BENCH_VENV)/bin/python:
	$(call quiet,VENV,$(BENCH_VENV))$(PYTHON) -m venv --clear $(BENCH_VENV)
$(BENCH_VENV)/peers.ok: bench/peers/requirements.txt | $(BENCH_VENV)/bin/python
$(BENCH_VENV)/grad-cam.ok: bench/peers/grad-cam/requirements.txt | $(BENCH_VENV)/peers.ok
$(BENCH_VENV)/%.ok:
	$(call quiet,PIP,$@)$(BENCH_VENV)/bin/python -m pip install -q --no-deps -r $<
	@touch $@

# What only converts, in an environment that sees the peers' one behind its own.
$(BENCH_LITERT)/ok: bench/peers/litert/requirements.txt | $(BENCH_VENV)/grad-cam.ok
	$(call quiet,PIP,$@)$(PYTHON) -m venv --clear $(@D)
	@$(BENCH_VENV)/bin/python -c 'import site; print(site.getsitepackages()[0])' \
		> "$$($(@D)/bin/python -c 'import site; print(site.getsitepackages()[0])')"/peers.pth
	@$(@D)/bin/python -m pip install -q --no-deps -r $<
	@touch $@
$(BENCH_LITERT)/%.tflite: bench/peers/litert_model.py $(BENCH_LITERT)/ok | model
	$(call quiet,GEN,$@)$(BENCH_LITERT)/bin/python $< models/$* $@ > $(@D)/$*.log 2>&1

##@ Fuzz it

# What a stranger's bytes meet: tests/fuzz/fuzz_NAME.c, run by libFuzzer, and
# its corpus replayed among the unit tests by any compiler.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY_BIN := $(FUZZ_NAMES:%=$B/tests/fuzz/replay_%)
FUZZ ?= onnx
FUZZ_SECONDS = $(if $(filter command,$(origin SECONDS)),$(SECONDS),60)
FUZZ_SEEDS := $(wildcard tests/fuzz/corpus/$(FUZZ) \
    $(if $(filter onnx,$(FUZZ)),tests/data/forms tests/data/outputs \
                                tests/cases/operators tests/cases/invalid-onnx) \
    $(if $(filter bundle labels,$(FUZZ)),tests/cases/invalid-bundles) \
    $(if $(filter image,$(FUZZ)),tests/cases/images tests/cases/invalid-images) \
    $(if $(filter npy,$(FUZZ)),tests/data/forms tests/cases/operators) \
    $(if $(filter config,$(FUZZ)),config))

.PHONY: fuzz fuzz-build fuzz-run
unit unit-build: $(REPLAY_BIN)
$B/obj/tests/fuzz/mutate_onnx.o: | $B/gen/onnx.pb-c.h

fuzz: ## build the fuzz targets with clang into build/fuzz/
	@tools/deps.sh fuzz
	@$(MAKE) CC=clang SANITIZE=address,undefined B=build/fuzz \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link' fuzz-build

fuzz-build: $(FUZZ_NAMES:%=$B/fuzz_%)

fuzz-run: fuzz ## fuzz one target: FUZZ=onnx SECONDS=600
	@mkdir -p build/fuzz/corpus/$(FUZZ)
	@cd build/fuzz && nice -n 10 ./fuzz_$(FUZZ) -max_total_time=$(FUZZ_SECONDS) \
	    -rss_limit_mb=2000 -timeout=10 -max_len=131072 -print_final_stats=1 \
	    corpus/$(FUZZ) $(FUZZ_SEEDS:%=../../%)

# Only a target that includes something of the server is linked with it.
FUZZ_SERVER := $(patsubst tests/fuzz/fuzz_%.c,%,$(shell grep -l '"server/' \
    $(wildcard tests/fuzz/fuzz_*.c) /dev/null))
$(FUZZ_SERVER:%=$B/tests/fuzz/replay_%) $(FUZZ_SERVER:%=$B/fuzz_%): $B/libserver.a

$(REPLAY_BIN): $B/tests/fuzz/replay_%: $B/obj/tests/fuzz/fuzz_%.o \
                 $B/obj/tests/fuzz/replay.o $B/libengine.a $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group $(LIBS)

$B/fuzz_onnx: $B/obj/tests/fuzz/mutate_onnx.o
$(FUZZ_NAMES:%=$B/fuzz_%): $B/fuzz_%: $B/obj/tests/fuzz/fuzz_%.o \
                             $B/libengine.a $B/flags
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ \
	    -Wl,--start-group $(filter %.o %.a,$^) -Wl,--end-group $(LIBS)

-include $(shell find $B/obj -name '*.d' 2>/dev/null)
