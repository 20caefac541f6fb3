#!/bin/bash
# The source tarball build/wherefore-VERSION.tar.gz. Equal trees make equal
# tarballs.
#
#     tools/dist.sh              makes it, and its .sha256
#     tools/dist.sh --version    the version
#     tools/dist.sh --epoch      when the tree was last changed, in seconds
#     tools/dist.sh --list       the names of its files, a NUL after each
set -euo pipefail
cd "$(dirname "$0")/.."

version() {
    sed -n 's/^#define VERSION_TEXT "\(.*\)"$/\1/p' server/version.h |
        grep . # there is one
}

in_git() {
    [ -e .git ] && command -v git >/dev/null && git rev-parse HEAD >/dev/null 2>&1
}

epoch() {
    if [ -n "${SOURCE_DATE_EPOCH-}" ]; then
        echo "$SOURCE_DATE_EPOCH"
    elif in_git; then
        git log -1 --format=%ct
    else
        stat -c %Y CHANGELOG.md # all files of a tarball are of one time
    fi
}

list() {
    if in_git; then
        # a file that was deleted and not yet committed is not there
        git ls-files -z --cached --others --exclude-standard |
            while IFS= read -r -d '' name; do
                [ ! -e "$name" ] || printf '%s\0' "$name"
            done
    else
        find . -type f ! -path './build/*' ! -path './models/*' \
            ! -name '*.pyc' -printf '%P\0'
    fi
}

case ${1-} in
--version) version ;;
--epoch) epoch ;;
--list) list ;;
'')
    name=wherefore-$(version)
    mkdir -p build
    list | sort -z | tar --null -T - --owner=0 --group=0 --numeric-owner \
        --mode=go=rX,u+rw --mtime="@$(epoch)" --transform "s,^,$name/," -cf - |
        gzip -n9 >"build/$name.tar.gz"
    (cd build && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
    echo "build/$name.tar.gz"
    ;;
*)
    echo "usage: tools/dist.sh [--version|--epoch|--list]" >&2
    exit 2
    ;;
esac
