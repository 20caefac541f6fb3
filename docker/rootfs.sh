#!/bin/bash
# Gathers what the image is made of, for the builder's stage of the Dockerfile:
#
#     rootfs.sh FOLDER MODEL VERSION SOURCE_DATE_EPOCH
#
# FOLDER gets one subfolder for each layer: `libraries` (shared objects, their
# licences, what dpkg says of their packages, users), `model`, and `program`.
# All files are of that date and root's, so equal input makes equal layers.
set -euo pipefail

out=$1 model=$2 version=$3 epoch=$4
doc=usr/share/doc
lib=$out/libraries

# The names under which the loader finds them.
libraries() {
    ldd build/wherefore | awk '{ for (i = 1; i <= NF; i++) if ($i ~ "^/") print $i }'
}

# /lib is a link to /usr/lib, and dpkg knows a file by one of the two names.
package_of() {
    dpkg-query -S "$(realpath "$1")" 2>/dev/null | sed 's/: .*//'
}

mkdir -p "$lib"/{etc,proc,tmp,var/lib/dpkg/status.d,usr/lib} "$lib/$doc" \
    "$out/model/usr/share/wherefore/models" "$out/program"/{usr/bin,"$doc"/wherefore}
for name in bin lib lib64 sbin; do
    [ ! -L "/$name" ] || ln -s "$(readlink "/$name")" "$lib/$name"
done
for name in bin lib64 sbin; do
    mkdir -p "$lib/usr/$name"
done

packages=$out/packages
for library in $(libraries); do
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

install -s -m 755 build/wherefore "$out/program/usr/bin/wherefore"
install -m 644 -t "$out/program/$doc/wherefore" LICENSE CHANGELOG.md \
    docs/operations.md docs/deploy.md
python3 docker/sbom.py "$version" "$epoch" "models/$model" <"$packages" \
    >"$out/program/$doc/wherefore/sbom.spdx.json"
rm "$packages"

chmod 1777 "$lib/tmp"
find "$out" ! -path "$lib/tmp" -type d -exec chmod 755 {} +
find "$out" -exec touch --no-dereference --date="@$epoch" {} +
