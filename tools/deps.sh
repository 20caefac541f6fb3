#!/bin/bash
# Installs the Debian packages that are missing: `tools/deps.sh` what the build
# and the model need, `tools/deps.sh unit` what the unit tests need as well,
# `tools/deps.sh test` what all tests need (a browser, for those of the page),
# `tools/deps.sh bench` or `fuzz` what `make bench` or `make fuzz` needs as well,
# `tools/deps.sh image` what builds and runs a container. With nothing missing it
# is done in a moment, without the network.
set -euo pipefail

packages=(
    # the compiler and its helpers
    gcc libc6-dev make pkg-config protobuf-compiler protobuf-c-compiler
    # one for each foreign library of the program
    libxnnpack-dev libpthreadpool-dev libmicrohttpd-dev libjansson-dev
    libturbojpeg0-dev libspng-dev libwebp-dev libprotobuf-c-dev nettle-dev
    libinih-dev libseccomp-dev
    # tools/model.py runs in a venv and downloads over TLS
    python3 python3-venv ca-certificates
)
libraries=(libmicrohttpd jansson libturbojpeg spng libwebp libprotobuf-c nettle
    inih libseccomp)
case "${1-}" in
'') ;;
unit) packages+=(libcmocka-dev libonnx-testdata) libraries+=(cmocka) ;;
test)
    # systemd and ip: tests/systemd boots one
    packages+=(libcmocka-dev libonnx-testdata chromium systemd iproute2)
    libraries+=(cmocka)
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
    ;;
*)
    echo "usage: tools/deps.sh [unit|test|bench|fuzz|image]" >&2
    exit 2
    ;;
esac

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

installed=$(dpkg-query -W -f '${db:Status-Status} ${Package} ${Provides}\n' \
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
"${root[@]}" apt-get update -q
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
