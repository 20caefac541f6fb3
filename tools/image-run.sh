#!/bin/bash
# Runs `wherefore` out of the image, locked in as docs/deploy.md says: nothing
# can be written, no capabilities, no new privileges, 128 MB, 64 processes, a
# user that the image does not know. Arguments are those of `wherefore`, so
# this stands in for the program: tests/http runs against it. It hands on the
# variables that begin with WHEREFORE_, and mounts, to be read only, whatever
# file or folder of this machine an argument names.
#
#     tools/image-run.sh serve --listen 127.0.0.1:0
#     tools/image-run.sh --engine     says what runs it: docker, or podman …
#     tools/image-run.sh --sbom       takes the list of its parts out of it
#     tools/image-run.sh --pid NAME   of the service, as this machine sees it
#     tools/image-run.sh --sweep      ends all containers that this has begun
#
#     IMAGE=wherefore:latest
#     NAME=             of the container
#     MEMORY=128m       at most
#     EMULATOR=         for an image of another processor: a static QEMU
#     RUN_OPTIONS=      more options of `docker run`, split at spaces
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
image=${IMAGE:-wherefore:latest}

engine=()
for name in ${RUNNER:-docker podman}; do
    if command -v "$name" >/dev/null && "$name" info >/dev/null 2>&1; then
        engine=("$name")
        break
    fi
done
if [ ${#engine[@]} -eq 0 ]; then
    echo "image: neither docker nor podman works here" >&2
    exit 125
fi
if [ "${engine[0]}" = podman ]; then
    # without systemd there is none to make groups or to call health checks
    [ -d /run/systemd/system ] || engine+=(--cgroup-manager cgroupfs)
    ! command -v runc >/dev/null || engine+=(--runtime runc)
fi

if [ "${1-}" = --engine ]; then
    echo "${engine[*]}"
    exit
fi
if [ "${1-}" = --pid ]; then
    exec "${engine[@]}" inspect --format '{{.State.Pid}}' "$2"
fi
if [ "${1-}" = --sweep ]; then
    for container in $("${engine[@]}" ps -aq --filter label=wherefore.run); do
        "${engine[@]}" rm -f "$container" >/dev/null
    done
    exit
fi
if [ "${1-}" = --sbom ]; then
    version=$("$root/tools/dist.sh" --version)
    container=$("${engine[@]}" create "$image")
    "${engine[@]}" cp "$container:/usr/share/doc/wherefore/sbom.spdx.json" \
        "$root/build/wherefore-$version.spdx.json"
    "${engine[@]}" rm "$container" >/dev/null
    echo "build/wherefore-$version.spdx.json"
    exit
fi

# The service wants room for --max-connections; a sandbox may not raise limits.
files=$(ulimit -Hn)
[ "$files" != unlimited ] && [ "$files" -le 4096 ] || files=4096
options=(
    --rm --interactive --network host --user 12345:12345
    --read-only --cap-drop all --security-opt no-new-privileges
    --memory "${MEMORY:-128m}" --pids-limit 64
    --ulimit "nofile=$files:$files" --ulimit nproc=1024:1024 --no-healthcheck
    --label wherefore.run
)
for variable in "${!WHEREFORE_@}"; do
    options+=(--env "$variable")
done
for argument; do
    path=${argument#--*=}
    # not what is in the image, should it be installed here as well
    case $path in
    /usr/share/wherefore/*) ;;
    /*) [ ! -e "$path" ] || options+=(--volume "$path:$path:ro") ;;
    esac
done
[ "${engine[0]}" != podman ] || options+=(--read-only-tmpfs=false)
if [ -n "${EMULATOR-}" ]; then
    options+=(--volume "$EMULATOR:/emulator:ro" --entrypoint /emulator)
    set -- /usr/bin/wherefore "$@"
fi
[ -z "${NAME-}" ] || options+=(--name "$NAME")
# shellcheck disable=SC2086 # split on purpose
exec "${engine[@]}" run "${options[@]}" ${RUN_OPTIONS-} "$image" "$@"
