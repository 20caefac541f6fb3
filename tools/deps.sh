#!/bin/bash
# Installs the Debian packages that are missing: `tools/deps.sh` what the build
# and the model need, `tools/deps.sh unit` what the unit tests need as well,
# `tools/deps.sh test` what all tests need (a browser, for those of the page),
# `tools/deps.sh bench` or `fuzz` what `make bench` or `make fuzz` needs as well,
# `tools/deps.sh image` what builds and runs a container. With nothing missing it
# is done in a moment, without the network.
#
# With ARCH=arm64 (or amd64), on another processor, it is the compiler and the
# libraries for that one, and for the tests an emulator of it: best on a
# machine that has nothing else to do, such as a container.
#
#     tools/deps.sh --arch            Debian's name of this machine's processor
#     tools/deps.sh --triplet ARCH    GNU's name of that one
set -euo pipefail

arch() {
    dpkg --print-architecture 2>/dev/null || true
}

triplet() {
    case $1 in
    amd64) echo x86_64-linux-gnu ;;
    arm64) echo aarch64-linux-gnu ;;
    *)
        echo "there is no recipe for the processor $1" >&2
        return 2
        ;;
    esac
}

case ${1-} in
--arch)
    arch
    exit
    ;;
--triplet)
    triplet "$2"
    exit
    ;;
esac

# Those that there are for each processor: one for each foreign library.
development=(
    libc6-dev libxnnpack-dev libpthreadpool-dev libmicrohttpd-dev libjansson-dev
    libturbojpeg0-dev libspng-dev libwebp-dev liblcms2-dev zlib1g-dev
    libprotobuf-c-dev nettle-dev libinih-dev libseccomp-dev libexpat1-dev
)
packages=(
    # the compiler's helpers
    make pkg-config protobuf-compiler protobuf-c-compiler
    # tools/model.py runs in a venv and downloads over TLS
    python3 python3-venv ca-certificates
)
cross=${ARCH-}
[ "$cross" != "$(arch)" ] || cross=
if [ -n "$cross" ]; then
    compiler=gcc-$(triplet "$cross" | tr _ -)
else
    compiler=gcc
fi
packages+=("$compiler")
libraries=(libmicrohttpd jansson libturbojpeg spng libwebp lcms2 zlib
    libprotobuf-c nettle inih libseccomp expat)
case "${1-}" in
'') ;;
unit | test)
    development+=(libcmocka-dev)
    packages+=(libonnx-testdata)
    libraries+=(cmocka)
    # systemd and ip: tests/systemd boots one; Java: tests/jobs
    [ "$1" = unit ] || packages+=(chromium systemd iproute2 default-jre-headless)
    [ -z "$cross" ] || packages+=(qemu-user)
    ;;
bench) packages+=(wrk) ;;
fuzz)
    # libFuzzer comes with clang: 14 in Debian 12, 19 in Debian 13
    runtime=$(apt-cache depends clang 2>/dev/null |
        sed -n 's/^ *Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p')
    packages+=(clang ${runtime:+"$runtime"})
    ;;
image)
    # crun, which podman would bring along, does not run in every sandbox
    packages=(buildah podman runc debootstrap ca-certificates)
    development=()
    ;;
*)
    echo "usage: tools/deps.sh [unit|test|bench|fuzz|image]" >&2
    exit 2
    ;;
esac
packages+=("${development[@]/%/${cross:+:$cross}}")

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    missing=()
    for tool in cc make pkg-config protoc protoc-gen-c python3; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    for library in "${libraries[@]}"; do
        pkg-config --exists "$library" 2>/dev/null || missing+=("$library")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        exit 0
    fi
    cat >&2 <<END
This system has no apt, so \`make deps\` cannot install anything here. Missing:
    ${missing[*]}
(XNNPACK and pthreadpool, which have no pkg-config file, are needed too.)
On Debian 12 or 13 the packages are:
    ${packages[*]}
END
    exit 1
fi

# Each under its name, what it provides, and its name with its processor.
installed=$(dpkg-query -W -f \
    '${db:Status-Status} ${Package} ${Package}:${Architecture} ${Provides}\n' \
    2>/dev/null | sed -n 's/^installed //p' | tr -s ' ,' '\n')
missing=()
for package in "${packages[@]}"; do
    grep -qxF -- "$package" <<<"$installed" || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi

echo "installing: ${missing[*]}"
root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "This needs root: run as root, or have sudo installed." >&2
        exit 1
    fi
    root=(sudo)
fi
[ -z "$cross" ] || "${root[@]}" dpkg --add-architecture "$cross"
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
