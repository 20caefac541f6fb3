"""A C file has at most 500 lines, and a function at most 60 between its braces.
A file without a function, that is a table or a list, may be longer; so may tests, and what is
generated is not looked at.

Usage: size.py [ROOT]
"""

import re
import sys
from pathlib import Path

from common import OURS, finish, sources

MAX_FILE, MAX_FUNCTION = 500, 60

# What clang-format makes of a definition: from its first line, which is not
# indented, to its braces, which are not either.
FUNCTION = re.compile(r"^(\w[^;{}#]*?\))\n\{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"(?!__attribute__)\b(\w+)\(")


def functions(text: str) -> list[tuple[int, str, int]]:
    """(line, name, length in lines) of each function."""
    return [
        (text.count("\n", 0, match.start()) + 1, name[1], match[2].count("\n"))
        for match in FUNCTION.finditer(text)
        if (name := NAME.search(match[1]))
    ]


def check_file(path: Path, text: str) -> list[str]:
    """Returns one line for the file and for each function that is too long."""
    length = len(text.splitlines())
    found = functions(text)
    problems = []
    if found and length > MAX_FILE:
        problems.append(f"{path}: {length} lines; at most {MAX_FILE} are allowed")
    problems += [
        f"{path}:{line}: {name} has {count} lines; at most {MAX_FUNCTION} are allowed"
        for line, name, count in found
        if count > MAX_FUNCTION
    ]
    return problems


def check(root: Path) -> tuple[list[str], int]:
    """Returns the violations below `root`, and how many files there are."""
    files = sources(root, (*OURS, "bench"))
    texts = [(path, (root / path).read_text(encoding="utf-8")) for path in files]
    return [p for path, text in texts for p in check_file(path, text)], len(files)


if __name__ == "__main__":
    PROBLEMS, COUNT = check(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    finish(PROBLEMS, f"{COUNT} files and their functions are short enough")
