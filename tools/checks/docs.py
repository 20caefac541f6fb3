"""docs/architecture.md names every file, and names none that is gone. Each room
of tools/checks/layers.py has a README.md that is short, names no file that is gone,
and says which rooms below it may know.

Usage: docs.py [ROOT]
"""

import re
import sys
from pathlib import Path

from common import finish, sources
from layers import FLOOR

FOLDERS = ("engine", "server", "cli", "static", "config", "docker", "tools", "bench")
MAX_LINES = 15
IGNORED = ("__pycache__", "__init__.py", "requirements.txt")


def files(root: Path) -> list[Path]:
    """The files that a newcomer meets."""
    return sorted(
        path.relative_to(root)
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file()
        and not any(part in IGNORED or part[0] == "." for part in path.parts[-3:])
    )


def rooms(root: Path) -> list[str]:
    """The rooms that have sources."""
    return sorted({str(path.parent) for path in sources(root)} & FLOOR.keys())


def is_there(root: Path, room: str, name: str) -> bool:
    """Whether a README may name this: a file of its room or of the rooms in it,
    or a path from the root."""
    return (root / name).exists() or (root / room / name).exists()


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
    for name in re.findall(r"`([\w./-]+\.(?:[ch]|inc|proto|py|md))`", text):
        if not is_there(root, room, name):
            problems.append(f"{path} names {name}, which is not there")
    for part in ("Read first:", "May know:"):
        if not re.search(rf"^{part} \S", text, re.MULTILINE):
            problems.append(f'{path} has no "{part}"')
    for other in re.findall(r"`([\w/]+)/`", text.partition("May know:")[2]):
        if FLOOR.get(other, len(FLOOR)) >= FLOOR[room]:
            problems.append(f"{path} may not know {other}/, which is not below it")
    return problems


def check(root: Path) -> list[str]:
    """Returns one line for each file that the page misses. A .c file is named
    where its .h is, and the other way round. A page that is not written yet
    has nothing wrong in it."""
    page = root / "docs" / "architecture.md"
    if not page.exists():
        return []
    text = page.read_text(encoding="utf-8")
    words = set(re.findall(r"[\w.*+-]*\w", text))
    problems = []
    for path in files(root):
        names = {path.name}
        if path.suffix in (".c", ".h"):
            names |= {f"{path.stem}.c", f"{path.stem}.h"}
        if not names & words:
            problems.append(f"docs/architecture.md does not name {path}")
    any_folder = "|".join(FOLDERS)
    for link in re.findall(rf"`((?:{any_folder})/[\w./-]+\w)`", text):
        if not (root / link).exists():
            problems.append(f"docs/architecture.md names {link}, which is not there")
    return problems


if __name__ == "__main__":
    ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    PROBLEMS = [line for room in rooms(ROOT) for line in check_readme(ROOT, room)]
    finish(
        check(ROOT) + PROBLEMS,
        f"docs/architecture.md names {len(files(ROOT))} files; "
        f"{len(rooms(ROOT))} rooms have a README",
    )
