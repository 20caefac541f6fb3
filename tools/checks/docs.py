"""The pages that walk through the code name no file and no function that is gone.
Each room of tools/checks/layers.py has a README.md that is short, says what to read
first and which rooms below it may know, and names no file that is gone either.

Usage: docs.py [ROOT]
"""

import re
import sys
from pathlib import Path

from common import finish, sources
from layers import FLOOR

PAGES = ("docs/architecture.md", "docs/extending.md")
FOLDERS = ("engine", "server", "cli", "lib", "static", "config", "docker", "tools", "tests")
# `box.c`, `engine/explain/box.h`, `onnx_ops_*.c`
FILE = re.compile(r"`([\w./*-]+\.(?:c|h|inc|proto|py|md|js|txt))`")
FUNCTION = re.compile(r"`(\w+)\(\)`")
MAX_LINES = 15


def check_page(root: Path, page: str) -> list[str]:
    """Returns one line for each name on the page that stands for nothing."""
    text = (root / page).read_text(encoding="utf-8")
    code = "\n".join(
        (root / path).read_text(encoding="utf-8") for path in sources(root)
    )
    functions = set(re.findall(r"\b(\w+)\(", code))
    problems = []
    for name in FILE.findall(text):
        places = [root / folder for folder in FOLDERS if (root / folder).is_dir()]
        if not any(root.glob(name)) and not any(
            any(place.rglob(name)) for place in places
        ):
            problems.append(f"{page} names {name}, which is not there")
    for name in FUNCTION.findall(text):
        if name not in functions:
            problems.append(f"{page} names {name}(), which is not there")
    return problems


def rooms(root: Path) -> list[str]:
    """The rooms that have sources."""
    return sorted({str(path.parent) for path in sources(root)} & FLOOR.keys())


def check_readme(root: Path, room: str) -> list[str]:
    """Returns one line for each thing that is wrong with a room's README."""
    path = f"{room}/README.md"
    if not (root / path).exists():
        return [f"{path} is missing"]
    text = (root / path).read_text(encoding="utf-8")
    count = len(text.splitlines())
    problems = []
    if count > MAX_LINES:
        problems.append(f"{path} has {count} lines; at most {MAX_LINES} are allowed")
    for name in FILE.findall(text):
        if not any(root.glob(name)) and not any((root / room).glob(name)):
            problems.append(f"{path} names {name}, which is not there")
    for part in ("Read first:", "May know:"):
        if not re.search(rf"^{part} \S", text, re.MULTILINE):
            problems.append(f'{path} has no "{part}"')
    for other in re.findall(r"`([\w/]+)/`", text.partition("May know:")[2]):
        if FLOOR.get(other, len(FLOOR)) >= FLOOR[room]:
            problems.append(f"{path} may not know {other}/, which is not below it")
    return problems


def check(root: Path) -> list[str]:
    """Returns one line for each thing that is wrong."""
    pages = [page for page in PAGES if (root / page).exists()]
    return [line for page in pages for line in check_page(root, page)] + [
        line for room in rooms(root) for line in check_readme(root, room)
    ]


if __name__ == "__main__":
    ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    finish(
        check(ROOT),
        f"what {' and '.join(PAGES)} name is there; {len(rooms(ROOT))} rooms have a README",
    )
