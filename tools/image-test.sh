#!/bin/bash
# `make test-image`: builds the image, runs the unit tests in its builder, and
# tests/image, tests/http (once more in int8) and tests/page against the
# container, locked in as tools/image-run.sh has it. Where the machine has no
# builder, or the network no packages, it says so in one line, and that is not a
# failure.
#
# With PLATFORM=linux/arm64 (`make test-arm64`), on another processor, QEMU runs
# what is tested, and that is the unit tests and tests/image; in CI without the
# slow ones. With --ahead it only builds what is tested.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
arch=${PLATFORM:+${PLATFORM#*/}}
[ "$arch" != "$(tools/deps.sh --arch)" ] || arch=
export IMAGE=localhost/wherefore:test${arch:+-$arch}
unit_image=localhost/wherefore-unit${arch:+-$arch}
log=build/image/log
mkdir -p build/image

skip() {
    echo "skipped: the image is not tested: $*"
    exit 0
}

# A QEMU that needs nothing of the container's file system; if need be unpacked
# only: installing would register it in the kernel. Debian 12 has it in another
# package than Debian 13.
emulator() {
    local name package path
    name=qemu-$(tools/deps.sh --triplet "$arch" | cut -d- -f1)
    for package in '' qemu-user-static qemu-user; do
        [ -z "$package" ] || unpack "$package"
        for path in {/usr/bin,"$PWD"/build/qemu/usr/bin}/"$name"{-static,}; do
            if [ -x "$path" ] && ! readelf -d "$path" | grep -q NEEDED; then
                echo "$path"
                return
            fi
        done
    done
    return 1
}

unpack() {
    mkdir -p build/qemu
    (cd build/qemu && apt-get download -qq "$1" && dpkg-deb -x "$1"_*.deb . &&
        rm "$1"_*.deb) >/dev/null 2>&1
}

# Only CI installs what builds containers: a developer may not want it.
if [ "${CI-}" = true ] && ! tools/image-run.sh --engine >/dev/null 2>&1; then
    timeout 300 tools/deps.sh image >"$log" 2>&1 ||
        skip "docker, podman and buildah cannot be installed here"
fi
tools/image-run.sh --engine >/dev/null 2>&1 ||
    skip "there is no docker or podman; on Debian: tools/deps.sh image"

if [ -n "$arch" ]; then
    EMULATOR=$(emulator) || skip "QEMU for $arch cannot be had"
    export EMULATOR
    # It takes a hundred times as long.
    export WHEREFORE_DEADLINE_MS=600000 WHEREFORE_DRAIN_TIMEOUT=600
    slow="graph_split onnx team gradient_rows gradient_networks network_passes"
    slow+=" layers_field methods_data methods_layers methods_pixels pixel_methods dense dense_kernels"
    [ "${CI-}" != true ] || export OMIT=$slow
fi

if [ "${1-}" = --ahead ]; then
    tools/image.sh && IMAGE=$unit_image-build tools/image.sh unit
    exit
fi

failed=0
start=$SECONDS
tools/image.sh >"$log" 2>&1
case $? in
0) ;;
69) skip "$(grep '^image: ' "$log" | tail -n 1 | cut -d' ' -f2-)" ;;
*)
    tail -n 20 "$log"
    echo "the image cannot be built"
    exit 1
    ;;
esac
echo "built in $((SECONDS - start)) s"
timeout 60 tools/image-run.sh --version >"$log" 2>&1 ||
    skip "no container runs here: $(tail -n 1 "$log")"

IMAGE=$unit_image tools/image.sh test >"$log" 2>&1 ||
    failed=1
echo "unit tests${arch:+ for $arch} on $(grep -o 'debian:trixie[a-z-]*\|wherefore-base:trixie' "$log" | head -n 1):"
# Where nothing has changed since they passed, the builder does not run them.
grep -aE '^\[ +LINE|^\[  FAILED  \] [a-z]|^unit: [0-9]+ passed' "$log" ||
    { grep -A1 'RUN make -s unit' "$log" | grep -q 'Using cache' &&
        echo "as before: passed"; } ||
    { tail -n 20 "$log"; failed=1; }

# One by one: each test has a container of its own, locked in, and -s shows sizes.
export TEST_JOBS=1
tests/pytest.sh -s -rs tests/image || failed=1
[ -z "$arch" ] || exit $failed

# The tests of the binary, with the container in its place; what is not
# tested in a container, tests/http/conftest.py says.
export WHEREFORE=$PWD/tools/image-run.sh
export WHEREFORE_MODEL=/usr/share/wherefore/models/efficientnet-lite0
export FAULT_SECONDS=10
trap 'tools/image-run.sh --sweep' EXIT
echo "HTTP, 128 MB:"
MARKS="not large" tests/pytest.sh -rs tests/http || failed=1
echo "HTTP, pictures of up to 64 megapixels, 1 GB:"
MEMORY=1g MARKS=large tests/pytest.sh -rs tests/http || failed=1
echo "HTTP, int8:"
WHEREFORE_PRECISION=int8 tests/pytest.sh tests/http/test_answer.py || failed=1
# Not the one with a file of tokens that only its owner may read, nor those whose
# gradients may take more than 128 MB, nor those for which the program writes files.
# But for those of what the browser alone does, which the host has run.
echo "page:"
tests/pytest.sh tests/page --ignore=tests/page/test_addresses.py \
    --ignore=tests/page/test_channels.py \
    --ignore=tests/page/test_classes.py --ignore=tests/page/test_evidence.py \
    --ignore=tests/page/test_exemplars.py \
    --ignore=tests/page/test_film.py \
    --ignore=tests/page/test_fit_report.py \
    --ignore=tests/page/test_formats.py --ignore=tests/page/test_manners.py \
    --ignore=tests/page/test_methods.py \
    --deselect tests/page/test_ascent.py::test_the_service_itself_makes_the_picture \
    --deselect tests/page/test_boxes.py::test_the_page_s_boxes_are_those_of_the_service \
    --deselect tests/page/test_trouble.py::test_a_token_is_asked_for || failed=1
exit $failed
