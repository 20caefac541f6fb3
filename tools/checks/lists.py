"""docs/models.md lists the operators of the tables in engine/onnx/onnx_ops_*.c, and
the networks of tests/data/networks/networks.txt.

Usage: lists.py [--write] [ROOT]

Says where the lists, each between two markers, are not what the files say;
with --write, writes them.
"""

import re
import sys
from pathlib import Path

from common import finish

BEGIN = "<!-- {}: `make lists` writes what follows -->\n"
END = "<!-- {}: up to here -->\n"

# ---- operators ----

FAMILIES = ("math", "function", "window", "move", "quant")
TABLE = re.compile(r"^const struct onnx_operator \w+\[\] = \{\n(.*?)^\};", re.M | re.S)
TEXT = r'"[^"]*"'
ROW = re.compile(
    rf"\{{({TEXT}),\s*\w+,\s*(\d+),\s*(\d+|UINT32_MAX),\s*"
    rf"({TEXT}(?:\s*{TEXT})*),\s*\w+\}},"
)
# What other rows of a table are made of: its entry, {#name, …}, for each X of
# a list, of which the third column, if there is one, is the attributes.
MADE = re.compile(
    rf"#define X\(name, [^\n]*\n\s*\{{#(name),\s*\w+,\s*(\d+),\s*(\d+),\s*"
    rf"({TEXT}|attributes),[^}}]*\}},\s*(\w+)\(X\)"
)
LISTED = re.compile(rf"^ +X\((\w+), \w+(?:, ({TEXT}))?", re.M)
# What onnx_node.c itself makes of a node, such as Constant.
BY_THE_READER = re.compile(r'proto->op_type, "(\w+)"\) == 0')


def rows(table: str, where: str) -> list[tuple[str, str, str]]:
    """(name, how many operands, attributes) of each row of one C table."""
    found = []
    for name, least, most, attributes in ROW.findall(table):
        if most == "UINT32_MAX":
            number = f"{least} or more"
        else:
            number = least if least == most else f"{least} to {most}"
        words = "".join(re.findall(r'"([^"]*)"', attributes)).split()
        found.append((name.strip('"'), number, " ".join(f"`{w}`" for w in words)))
    if len(found) != len(re.findall(r'\{"', table)):
        raise SystemExit(f"tools/checks/lists.py cannot read {where}")
    return found


def spell_out(table: str, text: str) -> str:
    """The table with the rows that macros make of lists elsewhere in the file."""
    for _, least, most, attributes, name in MADE.findall(table.replace("\\\n", "\n")):
        body = re.search(rf"^#define {name}\(X\)(.*?[^\\])\n", text, re.M | re.S)
        for operator, own in LISTED.findall(body[1] if body else ""):
            words = own if attributes == "attributes" else attributes
            table += f'{{"{operator}", op, {least}, {most}, {words}, f}},\n'
    return table


def operators(root: Path) -> list[str]:
    """The lines of their list."""
    found = []
    for family in FAMILIES:
        path = root / "engine" / "onnx" / f"onnx_ops_{family}.c"
        text = path.read_text(encoding="utf-8")
        table = TABLE.search(text)
        whole = spell_out(table[1], text) if table else '{"'
        found += rows(whole, f"engine/onnx/{path.name}")
    reader = (root / "engine" / "onnx" / "onnx_node.c").read_text(encoding="utf-8")
    found += [(name, "0", "its value") for name in BY_THE_READER.findall(reader)]
    found.sort(key=lambda row: row[0].lower())
    return [
        "| operator | operands | attributes that are read |",
        "| --- | --- | --- |",
        *(f"| {name} | {number} | {words} |".replace("  ", " ") for name, number, words in found),
        "",
        f"{len(found)} operators.",
    ]


# ---- networks ----


def networks(root: Path) -> list[str]:
    """The lines of their list: a line for each outcome of each network."""
    path = root / "tests" / "data" / "networks" / "networks.txt"
    forms: dict[tuple[str, str], list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        file, net, outcome = line.split("\t")
        outcome = re.sub("^none: .*", "none", outcome)
        forms.setdefault((net, outcome), []).append(file.removeprefix(net + "-"))
    return [
        "| network | exports | head |",
        "| --- | --- | --- |",
        *(f"| {n} | {', '.join(sorted(made))} | {o} |" for (n, o), made in sorted(forms.items())),
        "",
        f"{sum(map(len, forms.values()))} files.",
    ]


# ---- the page ----

LISTS = {"operators": operators, "networks": networks}


def check(root: Path, write: bool) -> list[str]:
    """Returns one line for each difference; writes the lists if told to."""
    page = root / "docs" / "models.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    problems = []
    for name, lines_of in LISTS.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        old, end, after = rest.partition(END.format(name))
        if not begin or not end:
            problems.append(f"docs/models.md has no markers for the list of {name}")
            continue
        had, has = old.splitlines(), ["", *lines_of(root), ""]
        text = "".join([before, begin, "\n".join(has), "\n", end, after])
        problems += [f"docs/models.md: no longer: {x}" for x in had if x not in has]
        problems += [f"docs/models.md lacks: {x}" for x in has if x not in had]
        if sorted(had) == sorted(has) and had != has:
            problems.append(f"docs/models.md has the {name} in another order")
    if write and not any("markers" in problem for problem in problems):
        page.write_text(text, encoding="utf-8")
        return []
    if problems:
        problems.append("`make lists` brings docs/models.md up to date")
    return problems


if __name__ == "__main__":
    ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--write"]
    ROOT = Path(ARGUMENTS[0] if ARGUMENTS else ".")
    PROBLEMS = check(ROOT, "--write" in sys.argv)
    finish(PROBLEMS, "docs/models.md lists the operators and networks there are")
