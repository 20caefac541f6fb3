# Fuzzing, and the replay of its corpus among the unit tests.

##@ Fuzz it

# Code that reads untrusted bytes: tests/fuzz/fuzz_NAME.c, run by libFuzzer. The
# unit tests replay its corpus with any compiler.
FUZZ_NAMES := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
REPLAY_BIN := $(FUZZ_NAMES:%=$B/tests/fuzz/replay_%)
FUZZ ?= onnx
FUZZ_SECONDS = $(if $(filter command,$(origin SECONDS)),$(SECONDS),60)
FUZZ_SEEDS := $(wildcard tests/fuzz/corpus/$(FUZZ) \
    $(if $(filter onnx,$(FUZZ)),tests/data/forms tests/data/outputs \
                                tests/cases/operators tests/cases/invalid-onnx) \
    $(if $(filter model_dir labels,$(FUZZ)),tests/cases/invalid-bundles) \
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

# Only targets that include a header of the server or of the library are linked
# with it.
FUZZ_LIB := $(patsubst tests/fuzz/fuzz_%.c,%,$(shell grep -l '"lib/' \
    $(wildcard tests/fuzz/fuzz_*.c) /dev/null))
$(FUZZ_LIB:%=$B/tests/fuzz/replay_%) $(FUZZ_LIB:%=$B/fuzz_%): $B/libfacade.a $B/libserver.a
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
