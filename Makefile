# wherefore. `make help` lists the targets.
#
#   SANITIZE=address,undefined   builds into build/sanitize-… with sanitizers
#   WERROR=1                     warnings are errors (CI=true sets it)
#   PREFIX=/usr/local            where `make install` puts things

SHELL := /bin/bash
.DEFAULT_GOAL := build
.DELETE_ON_ERROR:

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
SANITIZE ?=
ifeq ($(CI),true)
WERROR ?= 1
endif

comma := ,
B := build$(if $(SANITIZE),/sanitize-$(subst $(comma),-,$(SANITIZE)))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla \
            -Wundef $(if $(WERROR),-Werror)
HARDEN := -fstack-protector-strong $(if $(SANITIZE),,-D_FORTIFY_SOURCE=2)
PKGS := libmicrohttpd jansson libturbojpeg spng libwebp libprotobuf-c nettle
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE $(WARNINGS) $(HARDEN) -pthread -MMD -MP \
             -I$B/gen -Iengine -I. $(shell pkg-config --cflags $(PKGS)) \
             $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer) \
             $(CFLAGS)
ALL_LDFLAGS = -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS)) -lXNNPACK -lpthreadpool -lm

ENGINE_SRC := $(wildcard engine/*.c)
SERVER_SRC := $(wildcard server/*.c)
CLI_SRC := $(wildcard cli/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
ENGINE_OBJ := $(ENGINE_SRC:%.c=$B/obj/%.o) $B/obj/gen/onnx.pb-c.o
SERVER_OBJ := $(SERVER_SRC:%.c=$B/obj/%.o)
CLI_OBJ := $(CLI_SRC:%.c=$B/obj/%.o)
UNIT_BIN := $(UNIT_SRC:%.c=$B/%)

.PHONY: build unit clean

build: $B/wherefore ## build build/wherefore

$B/wherefore: $(CLI_OBJ) $(SERVER_OBJ) $B/libengine.a
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$B/libengine.a: $(ENGINE_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$B/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$B/gen/onnx.pb-c.c: engine/onnx.proto
	@mkdir -p $(@D)
	protoc-c --proto_path=engine --c_out=$(@D) onnx.proto

$B/gen/onnx.pb-c.h: $B/gen/onnx.pb-c.c
$B/obj/engine/onnx.o: $B/gen/onnx.pb-c.h
$B/obj/gen/onnx.pb-c.o: $B/gen/onnx.pb-c.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -w -c -o $@ $<

# The numeric kernels: the compiler may vectorise them freely.
$B/obj/engine/resize.o $B/obj/engine/cam.o $B/obj/engine/heatmap.o \
$B/obj/engine/preprocess.o: private CFLAGS += -O3

$B/tests/unit/%: tests/unit/%.c $B/libengine.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $B/libengine.a -lcmocka $(LIBS)

unit: $(UNIT_BIN) ## build and run the unit tests
	@set -e; for t in $(UNIT_BIN); do echo "$$t"; $$t; done

clean: ## remove everything built (models stay)
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
