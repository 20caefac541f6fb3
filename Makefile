# wherefore. `make help` lists the targets.
#
#   SANITIZE=address,undefined   builds into build/sanitize-… with sanitizers
#   WERROR=1                     warnings are errors (CI=true sets it)
#   CC= CFLAGS= LDFLAGS=         as usual; a change rebuilds what it affects
#   ARCH=arm64                   builds for that processor, into build/arm64
#   MODEL=efficientnet-lite2     another model for `make model` and `make run`
#   LISTEN=127.0.0.1:8080        where `make run` serves
#   PREFIX=/usr/local DESTDIR=   where `make install` installs
#   V=1                          prints full command lines
#
# New .c files, tests and requirements.txt are found by their folder, without an
# edit here. Everything but building the program is in mk/: test, bench, check,
# ship, fuzz, and python for downloads.

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

# One job per core, unless the caller sets -j.
ifeq ($(MAKELEVEL)$(filter -j% --jobs%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc)
endif
MAKEFLAGS += --no-print-directory

comma := ,
# For another architecture: Debian's cross compiler and libraries, and QEMU for
# the tests. tools/deps.sh installs them.
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
PYTEST := tests/pytest.sh

# --- flags -------------------------------------------------------------------

PKGS := libmicrohttpd jansson libturbojpeg spng libwebp lcms2 zlib libprotobuf-c \
        nettle inih libseccomp expat
# Evaluated once, when the first recipe needs them, because pkg-config may be
# missing before `make deps`.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell $$(PKG_CONFIG) --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell $$(PKG_CONFIG) --libs $(PKGS)))$(PKG_LIBS)

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla \
            -Wundef $(if $(WERROR),-Werror)
# Sanitizers have their own checks, and _FORTIFY_SOURCE needs optimisation.
HARDEN := -fPIC -fstack-protector-strong \
          $(if $(SANITIZE)$(filter -O0,$(CFLAGS)),,-fstack-clash-protection \
            -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANITIZE_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) \
                    -fno-sanitize-recover=all -fno-omit-frame-pointer)
STANDARD := -std=c11 -D_GNU_SOURCE
ALL_CFLAGS = $(STANDARD) $(WARNINGS) $(HARDEN) -pthread -I$B/gen -I. \
             $(PKG_CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS) $(CPPFLAGS)
ALL_LDFLAGS = -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack \
              -Wl,--as-needed $(SANITIZE_FLAGS) $(LDFLAGS)
LIBS = $(PKG_LIBS) -lXNNPACK -lpthreadpool -lm

# The C library. ABI: the number in its soname, which changes only when what
# lib/wherefore.h promises does. After it: functions added, fixes. It is never
# unloaded, because XNNPACK keeps the addresses of its functions.
ABI := 1
LIB_VERSION := $(ABI).0.0
LIBDIR = $(DESTDIR)$(PREFIX)/lib
VERSION = $(shell sed -n 's/^\#define VERSION_TEXT "\(.*\)"$$/\1/p' server/version.h)
SO_LDFLAGS = $(filter-out -pie,$(ALL_LDFLAGS)) -shared \
             -Wl,-soname,libwherefore.so.$(ABI) \
             -Wl,--version-script,lib/wherefore.map,-z,nodelete \
             $(if $(SANITIZE),,-Wl,-z,defs)

# --- sources -----------------------------------------------------------------

ENGINE_SRC := $(shell find engine -name '*.c' | LC_ALL=C sort)
SERVER_SRC := $(shell find server -name '*.c' | LC_ALL=C sort)
CLI_SRC := $(wildcard cli/*.c)
LIB_SRC := $(wildcard lib/*.c)
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
# Code shared by tests: tests/reference.c, tests/unit/anything_else.c.
TESTLIB_SRC := $(filter-out $(UNIT_SRC),$(wildcard tests/*.c tests/unit/*.c))
STATIC := $(shell find static -type f 2>/dev/null)
# Where numbers are computed by the million: the compiler may vectorise freely.
FAST_DIRS := engine/image engine/kernel engine/xnn engine/explain engine/render engine/inside engine/ascend engine/fit

objects = $(1:%.c=$B/obj/%.o)
ENGINE_OBJ := $(call objects,$(ENGINE_SRC)) $B/obj/gen/onnx.pb-c.o
SERVER_OBJ := $(call objects,$(SERVER_SRC))
CLI_OBJ := $(call objects,$(CLI_SRC))
LIB_OBJ := $(call objects,$(LIB_SRC))
TESTLIB_OBJ := $(call objects,$(TESTLIB_SRC))
UNIT_OBJ := $(call objects,$(UNIT_SRC))
UNIT_BIN := $(UNIT_SRC:%.c=$B/%)

##@ Use it

.PHONY: help run deps build model install uninstall

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
	      /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	      /^[a-z0-9-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' \
	    Makefile mk/test.mk mk/python.mk mk/bench.mk mk/ship.mk mk/check.mk mk/fuzz.mk mk/lane.mk
	@echo; sed -n 's/^#   /  /p' Makefile

run: ## install missing packages, make the model, build, and serve on LISTEN
	@$(MAKE) deps
	@$(MAKE) model build
	@exec $B/wherefore serve --listen $(LISTEN) --model models/$(MODEL)

deps: ## install missing Debian packages that the build needs
	@tools/deps.sh

build: $B/wherefore $B/libwherefore.so ## build build/wherefore, and build/libwherefore.so
	@:

model: models/$(MODEL)/model.json ## make models/MODEL (downloads the weights once)
	@:

install: build ## install program, C library, docs and existing models under PREFIX
	@$(MAKE) install-files

.PHONY: install-files
install-files: # of what is built
	install -D -m 755 $B/wherefore $(DESTDIR)$(PREFIX)/bin/wherefore
	install -D -m 755 $B/libwherefore.so.$(ABI) $(LIBDIR)/libwherefore.so.$(LIB_VERSION)
	ln -sf libwherefore.so.$(LIB_VERSION) $(LIBDIR)/libwherefore.so.$(ABI)
	ln -sf libwherefore.so.$(ABI) $(LIBDIR)/libwherefore.so
	install -D -m 644 lib/wherefore.h $(DESTDIR)$(PREFIX)/include/wherefore.h
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' lib/wherefore.pc.in > $B/wherefore.pc
	install -D -m 644 $B/wherefore.pc $(LIBDIR)/pkgconfig/wherefore.pc
	for f in $(wildcard models/*/*); do \
	    install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/wherefore/$$f || exit; \
	done
	for f in LICENSE $(wildcard *.md docs/*.md docs/images/* \
	    config/*); do \
	    install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/wherefore/$$f || exit; \
	done

uninstall: ## remove the installed files under PREFIX
	rm -f $(DESTDIR)$(PREFIX)/bin/wherefore
	rm -f $(LIBDIR)/libwherefore.so $(LIBDIR)/libwherefore.so.$(ABI) $(LIBDIR)/libwherefore.so.$(ABI).*
	rm -f $(DESTDIR)$(PREFIX)/include/wherefore.h $(LIBDIR)/pkgconfig/wherefore.pc
	rm -rf $(DESTDIR)$(PREFIX)/share/wherefore
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/wherefore

clean: ## remove everything built (the models and the Python venv stay)
	@if [ -d build ]; then find build -mindepth 1 -maxdepth 1 \
	    ! -name venv -exec rm -rf {} +; fi

distclean: clean ## also remove the venv, the models and everything else that git ignores
	rm -rf build models
	find . -name __pycache__ -prune -exec rm -rf {} +

.PHONY: clean distclean

# $(call quiet,CC,file) before a command prints that instead of the command.
quiet = $(if $(V),,@printf '  %-4s %s\n' $1 $2;)

# --- rules -------------------------------------------------------------------

$B/wherefore: $(CLI_OBJ) $(SERVER_OBJ) $B/libengine.a $B/flags
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)

# Of the archives, the linker takes what the library needs.
$B/libwherefore.so.$(ABI): $(LIB_OBJ) $B/libserver.a $B/libengine.a lib/wherefore.map $B/flags
	$(call quiet,LD,$@)$(CC) $(SO_LDFLAGS) -o $@ -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group $(LIBS)
$B/libwherefore.so: $B/libwherefore.so.$(ABI)
	@ln -sf $(<F) $@

$B/libengine.a: $(ENGINE_OBJ)
$B/libserver.a: $(SERVER_OBJ)
$B/libtest.a: $(TESTLIB_OBJ)
$B/libfacade.a: $(LIB_OBJ)
$B/lib%.a:
	@mkdir -p $(@D); rm -f $@
	$(call quiet,AR,$@)$(AR) rcs $@ $^

# The library is made of them, and shows only what its header declares.
$B/obj/engine/%.o $B/obj/server/%.o $B/obj/lib/%.o $B/obj/gen/%.o: private \
    ALL_CFLAGS += -fvisibility=hidden
# Our own sources must not use what engine/base/banned.h bans.
$B/obj/engine/%.o $B/obj/server/%.o $B/obj/lib/%.o $B/obj/cli/%.o: private \
    ALL_CFLAGS += -include engine/base/banned.h
# No code reads errno or floating point exceptions after math functions.
$(FAST_DIRS:%=$B/obj/%/%.o): private CFLAGS := $(CFLAGS:-O2=-O3) \
    -fno-math-errno -fno-trapping-math
# Functions of one number are polynomials, whose sums and products join. GCC
# would compute some twice, for arguments at a bound by themselves.
NO_THREADING := $(shell $(CC) -fno-thread-jumps -Werror -E -x c /dev/null \
    >/dev/null 2>&1 && echo -fno-thread-jumps)
$B/obj/engine/kernel/kernel_unary.o: private CFLAGS := $(CFLAGS:-O2=-O3) \
    -fno-math-errno -fno-trapping-math -ffp-contract=fast $(NO_THREADING)

$B/obj/%.o: %.c $B/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$B/obj/gen/%.o: $B/gen/%.c $B/flags
	@mkdir -p $(@D)
	$(call quiet,CC,$<)$(CC) $(ALL_CFLAGS) -w -MMD -MP -c -o $@ $<

# protoc writes the .c and the .h together.
$B/gen/onnx.pb-c%c $B/gen/onnx.pb-c%h: engine/onnx/onnx%proto
	@mkdir -p $(@D)
	$(call quiet,GEN,$@)protoc --proto_path=engine/onnx --c_out=$(@D) onnx.proto

$(filter $B/obj/engine/onnx/%,$(ENGINE_OBJ)): | $B/gen/onnx.pb-c.h

# Files embedded with .incbin are not in the compiler's dependency list.
$(call objects,$(shell grep -l incbin $(SERVER_SRC) $(CLI_SRC) /dev/null)): $(STATIC)

# Only tests that include a header of the server or of the library are linked
# with it.
$(patsubst %.c,$B/%,$(shell grep -l '"lib/' $(UNIT_SRC) /dev/null)): $B/libfacade.a
$(patsubst %.c,$B/%,$(shell grep -lE '"(server|lib)/' $(UNIT_SRC) /dev/null)): $B/libserver.a
$(UNIT_BIN): $B/tests/unit/%: $B/obj/tests/unit/%.o $B/libtest.a $B/libengine.a \
                              $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ -Wl,--start-group \
	    $(filter %.o %.a,$^) -Wl,--end-group -lcmocka $(LIBS)

# Contains the flags of the last build; newer than the objects if they changed.
FLAGS_TEXT = $(CC) $(ALL_CFLAGS) $(FAST_DIRS) $(CFLAGS:-O2=-O3) $(ALL_LDFLAGS) $(LIBS)
.PHONY: FORCE
$B/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS_TEXT)' | cmp -s - $@ || echo '$(FLAGS_TEXT)' > $@

# An existing model is never remade, whatever the age of its files, so it needs
# no venv.
ifeq ($(wildcard models/$(MODEL)/model.json),)
models/$(MODEL)/model.json: | $(VENV)/tools.ok
	@$(PY) tools/model.py $(MODEL)
endif

# Sanitizers stop at the first error and print a stack trace.
export ASAN_OPTIONS ?= detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1
export TSAN_OPTIONS ?= second_deadlock_stack=1 \
    $(if $(wildcard tests/tsan.supp),suppressions=$(CURDIR)/tests/tsan.supp)

include mk/python.mk mk/test.mk mk/bench.mk mk/ship.mk mk/check.mk mk/fuzz.mk mk/lane.mk

-include $(shell find $B/obj -name '*.d' 2>/dev/null)
