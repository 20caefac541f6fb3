"""docs/operations.md and config/wherefore.ini list the options of the table in
server/config/config.h.

Usage: options.py [--write] [ROOT]

Says where one of the two is not what the table says; with --write, writes them.
"""

import re
import sys
import textwrap
from pathlib import Path

from common import finish

BEGIN = "<!-- options: `make lists` writes what follows -->\n"
END = "<!-- options: up to here -->\n"

TEXT = r'"(?:[^"\\]|\\.)*"'
VALUE = rf"{TEXT}(?:\s*{TEXT})*|\w+"
ROW = re.compile(rf"\b(SECTION|TEXT|LIST|NUMBER|CHOICE|X)\(((?:{VALUE})(?:,\s*(?:{VALUE}))*)\)")
# Only on the command line.
NOT_IN_FILE = ("config",)


def macro(source: str, name: str) -> str:
    """What a macro of several lines is defined as."""
    found = re.search(rf"#define {name}\(.*?\)((?:.*\\\n)*.*)", source)
    if not found:
        raise SystemExit(f"tools/checks/options.py cannot find {name}")
    return found[1].replace("\\\n", " ")


def words(value: str) -> str:
    """The text of string literals side by side, or the value as it stands."""
    parts = re.findall(TEXT, value)
    return "".join(part[1:-1] for part in parts).replace('\\"', '"') if parts else value


def rows(source: str, name: str) -> list[list[str]]:
    """The rows of a table: what kind of row, and its arguments."""
    text = macro(source, name)
    found = [
        [kind, *(words(value) for value in re.findall(VALUE, arguments))]
        for kind, arguments in ROW.findall(text)
    ]
    if len(found) != len(re.findall(r"\b[A-Z]+\(", re.sub(TEXT, "", text))):
        raise SystemExit(f"tools/checks/options.py cannot read {name}")
    return found


def choice(source: str, enumerator: str, choices: str) -> str:
    """The choice that an enumerator is the number of; "0" and "1" are numbers."""
    for body in re.findall(r"enum \w+ \{([^{}]*)\}", source):
        names = [part.split("=")[0].strip() for part in body.split(",")]
        if enumerator in names:
            return choices.split("|")[names.index(enumerator)]
    if enumerator.isdigit():
        return choices.split("|")[int(enumerator)]
    raise SystemExit(f"tools/checks/options.py cannot find {enumerator}")


def options(source: str) -> list[dict[str, str]]:
    """The options and sections in order, each with what is said of it."""
    found = []
    for kind, *row in rows(source, "CONFIG_OPTIONS"):
        if kind == "SECTION":
            found.append({"section": row[0], "help": row[1]})
            continue
        option = {"flag": row[1], "default": row[2], "help": row[-1], "accepts": row[-2]}
        if kind == "NUMBER":
            option["accepts"] = f"{row[3]} to {row[4]} {row[5]}"
        elif kind == "CHOICE":
            option["default"] = choice(source, row[2], row[3])
            option["accepts"] = ", ".join(row[3].split("|"))
        elif kind == "LIST":
            option["accepts"] += ", repeatable"
        found.append(option)
    return found


def table(source: str) -> str:
    """The list of docs/operations.md."""
    lines = []
    for option in options(source):
        if "section" in option:
            if lines:
                lines.append("")
            lines += [
                f"**[{option['section']}]**: {option['help']}",
                "",
                "| option | default | accepts | |",
                "| --- | --- | --- | --- |",
            ]
        else:
            default = option["default"] or "none"
            lines.append(
                f"| `--{option['flag']}` | {default} | {option['accepts']} | {option['help']} |"
            )
    lines += [f"| `--{flag}` | | | {text} |" for _, _, flag, text in rows(source, "CONFIG_ACTIONS")]
    return "\n".join(["", *lines, "", ""])


def ini(source: str) -> str:
    """The text of config/wherefore.ini."""
    lines = [
        "# The options of wherefore serve, each at its default: take the semicolon",
        "# away and change the value. docs/operations.md says how files, variables",
        "# and flags go together. `make lists` writes this file.",
    ]
    section: list[str] = []
    for option in options(source):
        if "section" in option:
            section = ["", f"[{option['section']}]", f"# {option['help']}"]
        elif option["flag"] not in NOT_IN_FILE:
            about = f"{option['help']} ({option['accepts']})"
            lines += [*section, "", *("# " + line for line in textwrap.wrap(about, 74))]
            lines.append(f";{option['flag']} = {option['default']}".rstrip())
            section = []
    return "\n".join(lines) + "\n"


def differences(name: str, had: str, has: str) -> list[str]:
    """One line for each line that is gone or missing."""
    old, new = had.splitlines(), has.splitlines()
    problems = [f"{name}: no longer: {x}" for x in old if x not in new]
    problems += [f"{name} lacks: {x}" for x in new if x not in old]
    if had != has and not problems:
        problems.append(f"{name} has the options in another order")
    return problems


def check(root: Path, write: bool) -> list[str]:
    """Returns one line for each difference; writes both if told to."""
    source = (root / "server" / "config" / "config.h").read_text(encoding="utf-8")
    page, file = root / "docs" / "operations.md", root / "config" / "wherefore.ini"
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        return ["docs/operations.md has no markers for the list of options"]
    if write:
        page.write_text(before + begin + table(source) + end + after, encoding="utf-8")
        file.write_text(ini(source), encoding="utf-8")
        return []
    had = file.read_text(encoding="utf-8") if file.exists() else ""
    problems = differences("docs/operations.md", old, table(source))
    problems += differences("config/wherefore.ini", had, ini(source))
    if problems:
        problems.append("`make lists` brings both up to date")
    return problems


if __name__ == "__main__":
    ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--write"]
    ROOT = Path(ARGUMENTS[0] if ARGUMENTS else ".")
    finish(
        check(ROOT, "--write" in sys.argv),
        "docs/operations.md and config/wherefore.ini list the options there are",
    )
