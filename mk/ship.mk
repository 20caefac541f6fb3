# The container image, and the source as a file.

##@ Ship it

.PHONY: image image-unit test-image test-arm64 sbom dist wheel deps-image

image: model ## build the container image: IMAGE=wherefore:latest PLATFORM=linux/arm64
	@MODEL=$(MODEL) tools/image.sh

image-unit: model ## run the unit tests in the image's builder, on Debian 13
	@MODEL=$(MODEL) IMAGE=localhost/wherefore-unit tools/image.sh test

test-image: model build $(VENV)/tests.ok ## build the image and test it under all limits; unit tests on Debian 13
	@tools/image-test.sh

test-arm64: model build $(VENV)/tests.ok ## build the image for arm64 and test it with QEMU
	@PLATFORM=linux/arm64 tools/image-test.sh

sbom: image ## write build/wherefore-VERSION.spdx.json, the contents of the image
	@tools/image-run.sh --sbom

dist: ## write build/wherefore-VERSION.tar.gz, the source archive
	@tools/dist.sh

# The Python package in python/, with the program and the library in it.
WHEEL_SOURCES := $(shell find python -type f ! -name '*.pyc' 2>/dev/null) LICENSE \
    $(addprefix tools/,wheel.py model.py efficientnet_lite.py torch_file.py imagenet_labels.txt)
wheel: $(WHEEL_OUT)/wheel.ok ## write build/python/wherefore-VERSION-….whl, the Python wheel
	@:
# The wheel's program has no service.
$B/obj/python/%.o: private ALL_CFLAGS += -include engine/base/banned.h
$(WHEEL_OUT)/program: $(filter-out %/cmd_serve.o %/cmd_health.o %/drain.o,$(CLI_OBJ)) \
                      $B/obj/python/no_service.o $B/libserver.a $B/libengine.a $B/flags
	@mkdir -p $(@D)
	$(call quiet,LD,$@)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o %.a,$^) $(LIBS)
$(WHEEL_OUT)/wheel.ok: $(WHEEL_OUT)/program $B/libwherefore.so.1 $(WHEEL_SOURCES) $(VENV)/python.ok
	@mkdir -p $(@D)
	$(call quiet,GEN,$(@D))CC="$(CC)" $(PY) tools/wheel.py $(WHEEL_OUT)/program $B/libwherefore.so.1 $(@D)
	@touch $@

deps-image: ## install the Debian packages that build and run the image
	@tools/deps.sh image
