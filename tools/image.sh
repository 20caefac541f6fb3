#!/bin/bash
# Builds the container image with docker, buildah or podman, whichever works.
#
#     tools/image.sh [TARGET]    the image, or a stage of the Dockerfile
#
#     IMAGE=wherefore:latest     its name
#     MODEL= PRECISION= OMIT=    the Dockerfile's arguments
#     PLATFORM=linux/arm64       for another processor than this one's; nothing
#                                of it runs here, but for a stage of tests
#     BUILDER=docker             which of the three
#     BASE=                      the Debian 13 to build on; by default
#                                Docker Hub's or, where that does not answer,
#                                one made with debootstrap
#     MIRROR=                    the Debian mirror; by default this machine's
#
# What goes in is the working tree without what git ignores, and the model.
# Where there is no builder, no base or no packages to be had, the exit status
# is 69, so that whoever tests can tell that from an image that is wrong. The
# times in the layers are those of the last commit (SOURCE_DATE_EPOCH), so
# equal input makes equal layers.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${1-}
image=${IMAGE:-wherefore:latest}
model=${MODEL:-efficientnet-lite0}
work=build/image
hub_base=docker.io/library/debian:trixie-slim
own_base=localhost/wherefore-base:trixie

say() { printf 'image: %s\n' "$*" >&2; }

builder() {
    local name
    for name in ${BUILDER:-docker buildah podman}; do
        if command -v "$name" >/dev/null && "$name" info >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
    say "no container builder works here; on Debian: tools/deps.sh image"
    exit 69
}

# The mirror that this machine has Debian from.
mirror() {
    if [ -n "${MIRROR-}" ]; then
        echo "$MIRROR"
    elif command -v apt-get >/dev/null; then
        # shellcheck disable=SC2016 # these are apt's own
        apt-get indextargets --format '$(ORIGIN) $(LABEL) $(REPO_URI)' \
            'Identifier: Packages' 2>/dev/null |
            awk '$1 == "Debian" && $2 == "Debian" && !n++ { print $3 }'
    fi
}

# Go's name of this machine's processor.
here() {
    case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
    esac
}

load() { # a tar of a root file system, as an image
    case $builder in
    docker) docker import -q - "$2" <"$1" >/dev/null ;;
    podman) podman import -q "$1" "$2" >/dev/null ;;
    buildah)
        local container
        container=$(buildah from scratch)
        buildah add -q "$container" "$1" / >/dev/null
        buildah commit -q --rm "$container" "$2" >/dev/null
        ;;
    esac
}

bootstrap() {
    local root=$work/root
    if [ "$(id -u)" -ne 0 ] || ! command -v debootstrap >/dev/null; then
        say "the registry does not answer, and without root and debootstrap" \
            "there is no base to be made"
        exit 69
    fi
    say "the registry does not answer: making a base with debootstrap"
    rm -rf "$root"
    debootstrap --variant=minbase trixie "$root" "$@" >"$work/debootstrap.log" || {
        tail -n 5 "$work/debootstrap.log" >&2
        exit 69
    }
    tar -C "$root" --one-file-system --exclude='./var/cache/apt/*' \
        --exclude='./var/lib/apt/lists/*' --exclude='./proc/*' \
        --exclude='./sys/*' --exclude='./dev/*' -cf "$work/base.tar" .
    load "$work/base.tar" "$own_base"
    rm -rf "$root" "$work/base.tar"
}

has_image() {
    case $builder in
    docker | podman) "$builder" image inspect "$1" >/dev/null 2>&1 ;;
    buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
    esac
}

base() {
    if [ -n "${BASE-}" ]; then
        echo "$BASE"
    elif has_image "$own_base"; then
        echo "$own_base"
    elif has_image "$hub_base" ||
        timeout 90 "$builder" pull -q "$hub_base" >/dev/null 2>"$work/pull.log"; then
        echo "$hub_base"
    else
        bootstrap ${mirror:+"$mirror"} >&2
        echo "$own_base"
    fi
}

# The tree and the model as plain files: models may be a link to elsewhere.
lay_out() {
    rm -rf "$work/context"
    mkdir -p "$work/context/models"
    tools/dist.sh --list | tar --null -T - -cf - | tar -C "$work/context" -xf -
    cp -RL "models/$model" "$work/context/models/"
}

builder=$(builder)
mirror=$(mirror)
mkdir -p "$work"
base=$(base)
lay_out
epoch=${SOURCE_DATE_EPOCH:-$(tools/dist.sh --epoch)}
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ)
say "building $image with $builder on $base"

arguments=(
    --build-arg "BASE=$base" --build-arg "MIRROR=$mirror"
    --build-arg "MODEL=$model" --build-arg "PRECISION=${PRECISION:-fp32}"
    --build-arg "OMIT=${OMIT-}"
    --build-arg "VERSION=$(tools/dist.sh --version)"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
    --build-arg "CREATED=$created" --build-arg "SOURCE_DATE_EPOCH=$epoch"
)
[ -z "${PLATFORM-}" ] || arguments+=(--platform "$PLATFORM")
for name in http_proxy https_proxy no_proxy; do
    [ -z "${!name-}" ] || arguments+=(--build-arg "$name=${!name}")
done
build() { # TARGET NAME
    case $builder in
    docker)
        docker build "${arguments[@]}" ${1:+--target "$1"} -t "$2" "$work/context"
        ;;
    buildah | podman)
        # Of Docker's format, or there would be no HEALTHCHECK. Before 1.33
        # they do not know BUILDPLATFORM of themselves.
        "$builder" build --format docker \
            --build-arg "BUILDPLATFORM=linux/$(here)" --timestamp "$epoch" --layers \
            "${arguments[@]}" ${1:+--target "$1"} -t "$2" "$work/context"
        ;;
    esac
}

# Root in a sandbox may not make namespaces: chroot will do to build.
[ "$(id -u)" -ne 0 ] || export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}
build packages localhost/wherefore-packages || {
    say "the packages cannot be had"
    exit 69
}
build "$target" "$image"
rm -rf "$work/context"
