"""The documentation and the page name what is in the program's tables, as
tools/checks/tables.c prints them, and nothing else: routes, problems, metrics, reasons
to refuse a request, and on the page the options of POST /cam. Flags and exit statuses
are those of the program's own help.

Usage: names.py TABLES PROGRAM [ROOT]
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from common import finish
from lists import schema

OPENAPI = "static/openapi.yaml"
API = "docs/api.md"
OPERATIONS = "docs/operations.md"
PAGE = "static/index.html"
SCRIPT = "static/app.js"

Read = Callable[[str], str]


def compare(where: str, named: Iterable, there: Iterable) -> list[str]:
    """One line for each name that is only in one of the two."""
    named, there = set(named), set(there)
    return [f"{where} lacks {name}" for name in sorted(there - named)] + [
        f"{where} names {name}, which is not there" for name in sorted(named - there)
    ]


def section(text: str, heading: str) -> str:
    """What stands below a heading of Markdown."""
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def routes(tables: dict, read: Read) -> list[str]:
    """Routes in openapi.yaml, and their paths in docs/api.md."""
    described, path = [], ""
    for line in read(OPENAPI).partition("\npaths:\n")[2].splitlines():
        if found := re.fullmatch(r"  (/\S*):|    (get|post|put|patch|delete):", line):
            path = found[1] or path
            described += [f"{found[2].upper()} {path}"] if found[2] else []
    table = [x for x in section(read(API), "Routes").splitlines() if x[:1] == "|"]
    paths = re.findall(r"`(?:[A-Z]+ )?(/[^\s`]*)`", "\n".join(table))
    return compare(OPENAPI, described, map(" ".join, tables["routes"])) + compare(
        API, paths, [path for _, path in tables["routes"]]
    )


def problems(tables: dict, read: Read) -> list[str]:
    """Status and kind of each in docs/api.md, kinds in openapi.yaml and on the page; and
    each status is counted."""
    there = {(str(status), kind) for status, kind in tables["problems"]}
    rows = re.findall(r"^\| (\d+) \| `([a-z-]+)` \|", section(read(API), "Errors"), re.M)
    kinds = {kind for _, kind in there}
    listed = re.search(r"kind:\n +type: string\n +enum: \[(.*)\]", read(OPENAPI))
    advice = re.search(r"const advice = \{(.*?)\}", read("static/ask.js"), re.S)
    found = compare(API, map(" ".join, rows), map(" ".join, there))
    found += compare(OPENAPI, listed[1].split(", ") if listed else [], kinds)
    advised = set(re.findall(r'"([a-z-]+)":', advice[1] if advice else ""))
    found += compare("static/ask.js", advised | kinds, kinds)
    counted = set(map(str, tables["statuses"])) | {status for status, _ in there}
    return found + compare("METRICS_STATUSES", map(str, tables["statuses"]), counted)


def metrics(tables: dict, read: Read) -> list[str]:
    """Name, labels and type of each metric, and each reason, in docs/operations.md."""
    text = tables["metrics"]
    there = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        sample = re.search(rf"^{name}(?:_bucket)?\{{(.*)\}} ", text, re.M)
        labels = re.findall(r'(\w+)="', sample[1] if sample else "")
        of = ",".join(label for label in labels if label != "le")
        there.add(f"{name}{{{of}}} {kind}" if of else f"{name} {kind}")
    page = section(read(OPERATIONS), "Metrics")
    named = [
        f"{name} {kind}"
        for names, kind in re.findall(r"^\| (`[^|]*) \| (\w+) \|", page, re.M)
        for name in re.findall(r"`([a-z_]+(?:\{[a-z_,]*\})?)`", names)
    ]
    reasons = page.partition("| reason |")[2].partition("\n\n")[0]
    named = [name for name in named if name.startswith(("wherefore", "process"))]
    return compare(OPERATIONS, named, there) + compare(
        OPERATIONS,
        re.findall(r"^\| `([a-z_]+)` \|", reasons, re.M),
        re.findall(r'reason="([a-z_]+)"', text),
    )


def page(tables: dict, read: Read) -> list[str]:
    """Ranges, defaults and choices of the options that the page has."""
    options = {row["name"]: schema(row) for row in tables["cam"]}
    defaults = {row["name"]: row["default"] for row in tables["cam"]}
    html, script = read(PAGE), read(SCRIPT)
    found = []
    for name, shown in {"alpha": "opacity", "threshold": "threshold"}.items():
        least, most = options[name]["minimum"], options[name]["maximum"]
        if f'id="{shown}" type="range" min="{least}" max="{most}"' not in html:
            found.append(f"{PAGE}: {shown} does not go from {least} to {most}")
        if f"{shown}: {defaults[name]}," not in script:
            found.append(f"{SCRIPT}: {shown} is not {defaults[name]} at first")
    if f'colormap: "{defaults["colormap"]}", top: {defaults["top"]},' not in script:
        found.append(f"{SCRIPT}: colormap or top is not what is in the tables at first")
    if f"MOST_MAPS = {options['class']['maxItems']};" not in script:
        found.append(f"{SCRIPT}: MOST_MAPS is not {options['class']['maxItems']}")
    palettes = re.findall(r'^  (\w+): "|^palettes\.(\w+) =', read("static/palettes.js"), re.M)
    return found + compare(
        "static/palettes.js", map("".join, palettes), options["colormap"]["enum"]
    )


COMMANDS = (
    *("serve", "cam", "look", "filters", "exemplars", "fit", "health"),
    *("model info", "model check", "model layers", "model add", "model run", "model gradient"),
)


def helps(program: str) -> dict[str, str]:
    """What --help says of each command."""
    return {
        command: subprocess.run(
            [program, *command.split(), "--help"],
            check=True,
            text=True,
            stdout=subprocess.PIPE,
        ).stdout
        for command in COMMANDS
    }


# Flags of other programs that the documentation names.
OTHERS = {"--platform"}


def flags(tables: dict, read: Read) -> list[str]:
    """No page names a flag that no command has; and the exit statuses of serve."""
    known = set(re.findall(r"^ +(--[a-z-]+)", "\n".join(tables["helps"].values()), re.M))
    found = []
    for path in ("README.md", API, OPERATIONS, "docs/models.md", "docs/deploy.md", "SECURITY.md"):
        named = set(re.findall(r"`(--[a-z-]+)", read(path))) - OTHERS
        found += compare(path, named | known, known)
    said = re.split("exit status", tables["helps"]["serve"], flags=re.I)[-1]
    table = read(OPERATIONS).partition("\n| exit status | |\n")[2].partition("\n\n")[0]
    return found + compare(
        OPERATIONS,
        re.findall(r"^\| (\d) \|", table, re.M),
        re.findall(r"\b(\d) ", said),
    )


def check(tables: dict, root: Path) -> list[str]:
    """Returns one line for each difference."""

    def read(path: str) -> str:
        return (root / path).read_text(encoding="utf-8")

    return [
        line
        for one in (routes, problems, metrics, page, flags)
        for line in one(tables, read)
    ]


if __name__ == "__main__":
    TABLES = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TABLES["helps"] = helps(sys.argv[2])
    finish(
        check(TABLES, Path(sys.argv[3] if len(sys.argv) > 3 else ".")),
        "routes, problems, metrics, flags and the page's options are those there are",
    )
