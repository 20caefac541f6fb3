"""The file name is the prefix: what box.c exports begins with box_.

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


def allowed(source: str, symbol: str) -> bool:
    """May the file export it? The file's stem as a whole is the prefix."""
    stem = Path(source).stem
    return (
        symbol == stem
        or symbol.startswith(f"{stem}_")
        or symbol in EXCEPTIONS.get(source, ())
        or symbol.startswith(COMPILER_MADE)
    )


def check(nm_output: str) -> list[str]:
    """Returns one line for every violation in nm's output."""
    problems = []
    for where, symbol in exported(nm_output):
        source = f"{Path(where).stem}.c"
        if not allowed(source, symbol):
            problems.append(
                f"{source} exports {symbol}: make it static, or begin it with"
                f" {Path(source).stem}_"
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
    finish(check(OUTPUT), f"{len(exported(OUTPUT))} exported names have their prefix")
