"""What the checks share: finding sources, reading includes, reporting."""

import re
import sys
from pathlib import Path

OURS = ("engine", "server", "cli", "lib")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def sources(root: Path, folders=OURS, suffixes=(".c", ".h", ".inc")) -> list[Path]:
    """All C sources of some folders, as paths relative to `root`, sorted."""
    return sorted(
        path.relative_to(root)
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.suffix in suffixes
    )


def includes(text: str) -> list[tuple[int, bool, str]]:
    """(line number, is it <system>, name) of every #include."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := INCLUDE.match(line):
            found.append((number, match[1] == "<", match[2]))
    return found


def finish(problems: list[str], success: str) -> None:
    """Ends a check: its problems, or one line that says what held."""
    if problems:
        print("\n".join(problems), file=sys.stderr)
        sys.exit(1)
    print(f"ok: {success}")
