"""Compiles each header alone, and checks its guard and who includes it first.

Usage: headers.py COMPILER FLAG...
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import finish, includes, sources


def check_guard(path: Path, text: str) -> list[str]:
    """engine/explain/box.h is guarded by ENGINE_EXPLAIN_BOX_H."""
    guard = re.sub(r"[/.-]", "_", str(path)).upper()
    if f"#ifndef {guard}\n#define {guard}\n" not in text:
        return [f"{path}: the include guard is not {guard}"]
    return []


def check_own_header_first(root: Path, path: Path, text: str) -> list[str]:
    """box.c includes box.h before all else, so that box.h stands alone."""
    if not (root / path.with_suffix(".h")).exists():
        return []
    first = next((name for _, _, name in includes(text)), "nothing")
    if first.rsplit("/", 1)[-1] != f"{path.stem}.h":
        return [f"{path}: includes {first} before its own header"]
    return []


def compiles(root: Path, path: Path, command: list[str]) -> list[str]:
    """The header, twice, is a translation unit by itself."""
    result = subprocess.run(
        [*command, "-fsyntax-only", "-x", "c", "-"],
        input=f'#include "{path}"\n#include "{path}"\n',
        cwd=root,
        text=True,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    if result.returncode != 0:
        return [f"{path}: does not compile alone", result.stderr.rstrip()]
    return []


def check(root: Path, command: list[str]) -> list[str]:
    """Returns one line for every violation below `root`."""
    problems = []
    for path in sources(root):
        text = (root / path).read_text(encoding="utf-8")
        if path.suffix == ".h":
            problems += check_guard(path, text)
        elif path.suffix == ".c":
            problems += check_own_header_first(root, path, text)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = sources(root, suffixes=(".h",))
        for found in pool.map(lambda path: compiles(root, path, command), headers):
            problems += found
    return problems


if __name__ == "__main__":
    ROOT = Path(".")
    NUM = len(sources(ROOT, suffixes=(".h",)))
    finish(check(ROOT, sys.argv[1:]), f"{NUM} headers compile alone")
