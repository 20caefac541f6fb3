"""docs/models.md lists the operators of the tables in engine/onnx_ops_*.c.

Usage: operators.py [--write] [ROOT]

Says where the list between the two markers differs from the tables; with
--write, writes it.
"""

import re
import sys
from pathlib import Path

from common import finish

BEGIN = "<!-- operators: `make operators` writes what follows -->\n"
END = "<!-- operators: up to here -->\n"
FAMILIES = ("math", "window", "move")

TABLE = re.compile(r"^const struct onnx_operator \w+\[\] = \{\n(.*?)^\};", re.M | re.S)
TEXT = r'"[^"]*"'
ROW = re.compile(
    rf"\{{({TEXT}),\s*\w+,\s*(\d+),\s*(\w+),\s*({TEXT}(?:\s*{TEXT})*),\s*\w+\}},"
)
# What onnx.c itself makes of a node, such as Constant.
BY_THE_READER = re.compile(r'op_type, "(\w+)"\) == 0')


def rows(table: str, where: str) -> list[tuple[str, str, str]]:
    """(name, how many operands, attributes) of each row of one C table."""
    found = []
    for name, least, most, attributes in ROW.findall(table):
        most = "any number" if most == "UINT32_MAX" else most
        number = least if least == most else f"{least} to {most}"
        if most == "any number":
            number = f"{least} or more"
        words = "".join(re.findall(r'"([^"]*)"', attributes)).split()
        found.append((name.strip('"'), number, " ".join(f"`{w}`" for w in words)))
    if len(found) != len(re.findall(r'\{"', table)):
        raise SystemExit(f"tools/checks/operators.py cannot read {where}")
    return found


def operators(root: Path) -> list[tuple[str, str, str]]:
    """Those of all families, by name."""
    found = []
    for family in FAMILIES:
        path = root / "engine" / f"onnx_ops_{family}.c"
        table = TABLE.search(path.read_text(encoding="utf-8"))
        found += rows(table[1] if table else '{"', f"engine/{path.name}")
    reader = (root / "engine" / "onnx.c").read_text(encoding="utf-8")
    found += [(name, "0", "its value") for name in BY_THE_READER.findall(reader)]
    return sorted(found, key=lambda row: row[0].lower())


def section(found: list[tuple[str, str, str]]) -> str:
    """What stands between the markers."""
    lines = ["", "| operator | operands | attributes that are read |", "| --- | --- | --- |"]
    lines += [f"| {name} | {number} | {attributes} |" for name, number, attributes in found]
    return "\n".join([*lines, "", f"{len(found)} operators.", ""]).replace("|  |", "| |")


def check(root: Path, write: bool) -> list[str]:
    """Returns one line for each difference; writes the list if told to."""
    page = root / "docs" / "models.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        return ["docs/models.md has no markers for the list of operators"]
    wanted = section(operators(root))
    if write:
        page.write_text(before + begin + wanted + end + after, encoding="utf-8")
        return []
    had, has = set(old.splitlines()), set(wanted.splitlines())
    problems = [f"docs/models.md has, but the tables do not: {x}" for x in sorted(had - has)]
    problems += [f"docs/models.md lacks: {x}" for x in sorted(has - had)]
    if old != wanted and not problems:
        problems = ["docs/models.md has the list of operators in another order"]
    if problems:
        problems.append("`make operators` brings docs/models.md up to date")
    return problems


if __name__ == "__main__":
    ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--write"]
    ROOT = Path(ARGUMENTS[0] if ARGUMENTS else ".")
    PROBLEMS = check(ROOT, "--write" in sys.argv)
    finish(PROBLEMS, f"docs/models.md lists {len(operators(ROOT))} operators")
