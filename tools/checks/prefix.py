"""The file name is the prefix: what box.c exports begins with box_. A file
without a header of its own is part of the module whose header it implements:
graph_shape.c, where there is no graph_shape.h, may export graph_ names.

Reads compiled objects with nm, so that nothing hides behind a macro.

Usage: prefix.py OBJECT...
"""

import subprocess
import sys
from pathlib import Path

from common import finish

# file: names that it may export besides its own.
EXCEPTIONS = {
    "error.c": {"fail"},
    "main.c": {"main"},
}

# nm's letters for global definitions; U is a use, lower case is static.
DEFINED = set("TDBRCVWGS")

# What sanitizers and coverage add to an object.
COMPILER_MADE = ("__", "_sub_", ".")


def exported(nm_output: str) -> list[tuple[str, str]]:
    """(object, symbol) of each global definition in `nm -A -P -g` output."""
    found = []
    for line in nm_output.splitlines():
        where, _, rest = line.partition(": ")
        fields = rest.split()
        if len(fields) >= 2 and fields[1] in DEFINED:
            found.append((where, fields[0]))
    return found


def source_of(target: str) -> Path:
    """build/obj/engine/explain/box.o:(...) was engine/explain/box.c."""
    path = Path(target)
    parts = path.parts
    if "obj" in parts:
        path = Path(*parts[parts.index("obj") + 1 :])
    return path.with_suffix(".c")


def prefixes(root: Path, source: Path) -> list[str]:
    """The file's stem, and the module's where that is another."""
    inside = len(source.parts) > 1 and not source.is_absolute()
    top = source.parts[0] if inside else source.parent
    headers = {path.stem for path in (root / top).rglob("*.h")}
    stem = source.stem
    found = [stem]
    while stem not in headers and "_" in stem:
        stem = stem.rpartition("_")[0]
        if stem in headers:
            found.append(stem)
    return found


def allowed(root: Path, source: Path, symbol: str) -> bool:
    """May the file export it?"""
    return (
        any(
            symbol == prefix or symbol.startswith(f"{prefix}_")
            for prefix in prefixes(root, source)
        )
        or symbol in EXCEPTIONS.get(source.name, ())
        or symbol.startswith(COMPILER_MADE)
    )


def check(root: Path, nm_output: str) -> list[str]:
    """Returns one line for every violation in nm's output."""
    problems = []
    for where, symbol in exported(nm_output):
        source = source_of(where)
        if not allowed(root, source, symbol):
            choice = " or ".join(f"{p}_" for p in prefixes(root, source))
            problems.append(
                f"{source} exports {symbol}: make it static, or begin it with {choice}"
            )
    return problems


if __name__ == "__main__":
    if len(sys.argv) < 2:
        finish(["prefix.py: no objects given"], "")
    OUTPUT = subprocess.run(
        ["nm", "-A", "-P", "-g", *sys.argv[1:]],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    finish(check(Path("."), OUTPUT), f"{len(exported(OUTPUT))} exported names have their prefix")
