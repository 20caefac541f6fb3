#!/bin/bash
# Collects the contents of the image, for the build stage of the Dockerfile:
#
#     rootfs.sh PROGRAM FOLDER MODEL VERSION SOURCE_DATE_EPOCH
#
# The program is for the architecture ARCH, the builder's or another. FOLDER gets
# one subfolder per layer: `libraries` (shared objects, their licences, the dpkg
# data of their packages, users), `model`, and `program`. All files have that date
# and belong to root, so equal input gives equal layers.
set -euo pipefail

program=$1 out=$2 model=$3 version=$4 epoch=$5
doc=usr/share/doc
lib=$out/libraries
triplet=$(tools/deps.sh --triplet "${ARCH:-$(tools/deps.sh --arch)}")

# What a program or a library needs: its loader and the names of libraries.
asked_by() {
    "$triplet-readelf" -ldW "$1" | sed -n \
        -e 's/.*\[Requesting program interpreter: \(.*\)\]$/\1/p' \
        -e 's/.*(NEEDED) *Shared library: \[\(.*\)\]$/\1/p'
}

# The paths of everything that loading the program needs, like ldd, but for any
# architecture. Debian's libraries are all in one folder.
libraries() {
    local -A seen=()
    local queue=("$program") path name
    while [ ${#queue[@]} -gt 0 ]; do
        path=${queue[0]}
        queue=("${queue[@]:1}")
        for name in $(asked_by "$path"); do
            [ -z "${seen[${name##*/}]-}" ] || continue
            seen[${name##*/}]=1
            case $name in
            /*) path=$name ;;
            *) path=/usr/lib/$triplet/$name ;;
            esac
            [ -e "$path" ] || {
                echo "rootfs.sh: there is no $path" >&2
                return 1
            }
            echo "$path"
            queue+=("$path")
        done
    done
}

# /lib is a link to /usr/lib, and dpkg knows a file by only one of the two names.
package_of() {
    dpkg-query -S "$(realpath "$1")" 2>/dev/null | sed 's/: .*//'
}

mkdir -p "$lib"/{etc,proc,tmp,var/lib/dpkg/status.d,usr/lib} "$lib/$doc" \
    "$out/model/usr/share/wherefore/models" "$out/program"/{usr/bin,"$doc"/wherefore}
packages=$out/packages
libraries >"$out/list"
folders=(bin lib sbin)
! grep -q ^/lib64/ "$out/list" || folders+=(lib64)
for name in "${folders[@]}"; do
    [ ! -L "/$name" ] || ln -s "$(readlink "/$name")" "$lib/$name"
    mkdir -p "$lib/usr/$name"
done

for library in $(<"$out/list"); do
    # through the links in /: /lib64/ld-linux… is /usr/lib64/ld-linux…
    path=$(realpath "$(dirname "$library")")/$(basename "$library")
    install -D -m 755 "$path" "$lib$path"
    package_of "$path"
done | sort -u >"$packages"
while read -r package; do
    name=${package%%:*}
    dpkg-query -s "$package" | grep -v '^Status: ' >"$lib/var/lib/dpkg/status.d/$name"
    install -D -m 644 -t "$lib/$doc/$name" "/usr/share/doc/$name/copyright"
done <"$packages"
cat >"$lib/etc/passwd" <<END
root:x:0:0:root:/:/sbin/nologin
wherefore:x:65532:65532:wherefore:/:/sbin/nologin
END
printf 'root:x:0:\nwherefore:x:65532:\n' >"$lib/etc/group"
cp /etc/os-release "$lib/etc/os-release"

install -D -m 644 -t "$out/model/usr/share/wherefore/models/$model" "models/$model"/*

install -m 755 "$program" "$out/program/usr/bin/wherefore"
"$triplet-strip" "$out/program/usr/bin/wherefore"
install -m 644 -t "$out/program/$doc/wherefore" LICENSE CHANGELOG.md \
    docs/operations.md docs/deploy.md
python3 docker/sbom.py "$version" "$epoch" "models/$model" <"$packages" \
    >"$out/program/$doc/wherefore/sbom.spdx.json"
rm "$packages" "$out/list"

chmod 1777 "$lib/tmp"
find "$out" ! -path "$lib/tmp" -type d -exec chmod 755 {} +
find "$out" -exec touch --no-dereference --date="@$epoch" {} +
