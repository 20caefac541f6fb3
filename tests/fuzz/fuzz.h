#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

/* What a fuzz target defines: fuzz_NAME.c takes the bytes of one file and may
 * do anything with them but crash, hang, leak, or take gigabytes. With
 * libFuzzer it is called millions of times (make fuzz-run FUZZ=NAME); with
 * replay.c once for each file of tests/fuzz/corpus/NAME, as a test. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
