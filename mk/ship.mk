# The container image, and the source as a file.

##@ Ship it

.PHONY: image image-unit test-image test-arm64 sbom dist deps-image

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

deps-image: ## install the Debian packages that build and run the image
	@tools/deps.sh image
