"""docs/architecture.md names every file, and names none that is gone.

Usage: docs.py [ROOT]
"""

import re
import sys
from pathlib import Path

from common import finish

FOLDERS = ("engine", "server", "cli", "static", "config", "docker", "tools", "bench")
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
    if (ROOT / "docs" / "architecture.md").exists():
        finish(check(ROOT), f"docs/architecture.md names {len(files(ROOT))} files")
    else:
        finish([], "docs/architecture.md is not written yet")
