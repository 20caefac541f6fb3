"""Writes the lists in README.md, docs/, static/openapi.yaml and config/ from the
program's own tables, as tools/checks/tables.c prints them, and from the networks of
tests/data/networks/networks.txt.

Usage: lists.py [--write] TABLES [ROOT]

Says where a list, which stands between two markers, is not what the tables say; with
--write, writes it.
"""

import json
import re
import sys
import textwrap
from pathlib import Path

from common import finish

BLOCK = (
    r"^( *)(?:<!--|#) {}((?: [a-z-]+)*): `make lists` writes what follows(?: -->)?\n"
    r"(.*?)^ *(?:<!--|#) {}: up to here"
)

# ---- options of serve ----


def words(text: str) -> list[str]:
    """The words of "a, b or c" and of "a|b|c"; none where it is no such text."""
    found = re.split(r", | or |\|", text) if re.search(r" or |\|", text) else []
    return found if all(re.fullmatch(r"\w[\w+-]*", word) for word in found) else []


def in_code(text: str) -> str:
    """Marks what is one word as code, and in a sentence what is quoted and routes."""
    if re.fullmatch(r"[a-z][\w+-]*", text):
        return f"`{text}`"
    return re.sub(r'"(\w+)"|\b((?:GET|POST) /[\w/]+)', r"`\1\2`", text)


def accepts(text: str) -> str:
    """What a value may be, in Markdown."""
    return ", ".join(map(in_code, words(text))) or in_code(text)


def serve_row(row: dict) -> str:
    """One option of serve, or one action, which has no value."""
    if "action" in row:
        return f"| `--{row['action']}` | | | {row['help']} |"
    default = in_code(row["default"]) or "none"
    return f"| `--{row['flag']}` | {default} | {accepts(row['accepts'])} | {row['help']} |"


HEAD = ["| option | default | accepts | |", "| --- | --- | --- | --- |"]


def serve(tables: dict, flags: list[str]) -> list[str]:
    """The options of serve, by section; or only those that the marker names."""
    if flags:
        rows = {row.get("flag"): row for row in tables["serve"]}
        return HEAD + [serve_row(rows[flag]) for flag in flags]
    lines: list[str] = []
    for row in tables["serve"]:
        if "section" in row:
            lines += ["", f"**[{row['section']}]**: {row['help']}", "", *HEAD]
        else:
            lines.append(serve_row(row))
    return lines[1:]


def ini(tables: dict) -> str:
    """The text of config/wherefore.ini."""
    lines = [
        "# The options of wherefore serve, each at its default: take the semicolon",
        "# away and change the value. docs/operations.md says how files, variables",
        "# and flags go together. `make lists` writes this file.",
    ]
    section: list[str] = []
    for row in tables["serve"]:
        if "section" in row:
            section = ["", f"[{row['section']}]", f"# {row['help']}"]
        elif row.get("in_file"):
            about = f"{row['help']} ({row['accepts'].replace('|', ', ')})"
            lines += [*section, "", *("# " + line for line in textwrap.wrap(about, 74))]
            lines.append(f";{row['flag']} = {row['default']}".rstrip())
            section = []
    return "\n".join(lines) + "\n"


# ---- options of POST /cam ----


def cam(tables: dict, _: list[str]) -> list[str]:
    """The options of POST /cam, for people."""
    return HEAD + [
        f"| `{row['name']}` | {in_code(row['default'])} | {accepts(row['accepts'])} "
        f"| {in_code(row['help'])} |"
        for row in tables["cam"]
    ]


# "0 to 1" and "1 or more", and what else is said behind.
BOUNDS = re.compile(r"(\d+) (?:to (\d+)|or more)(.*)")


def schema(row: dict) -> dict:
    """What an option's value may be, as JSON Schema has it."""
    text, default = row["accepts"], row["default"]
    found: dict = {"type": "string"}
    if words(text):
        found["enum"] = words(text)
        if default in found["enum"]:
            found["default"] = default
    elif bounds := BOUNDS.fullmatch(text):
        found = {"type": "number" if "." in default else "integer"}
        found["minimum"] = int(bounds[1])
        if bounds[2]:
            found["maximum"] = int(bounds[2])
        if re.fullmatch(r"[\d.]+", default):
            found["default"] = float(default) if "." in default else int(default)
    if "repeatable" in text:
        found = {"type": "array", "items": found}
        if most := re.search(r"at most (\d+)", text):
            found["maxItems"] = int(most[1])
    return found


def about(row: dict) -> str:
    """What there is to say of an option besides its schema."""
    sentences = [row["help"]]
    bounds = BOUNDS.fullmatch(row["accepts"])
    if not words(row["accepts"]) and not (bounds and not bounds[3]):
        sentences.append(row["accepts"])
    if row["default"] and "default" not in schema(row):
        sentences.append(f"default: {row['default']}")
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


def flow(value) -> str:
    """A value in YAML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and re.fullmatch(r"[a-z]\w*", value):
        return value
    return json.dumps(value, ensure_ascii=False)


def parameters(tables: dict, _: list[str]) -> list[str]:
    """The options as parameters of the query."""
    lines = []
    for row in tables["cam"]:
        lines += [f"- name: {row['name']}", "  in: query"]
        lines += [f"  description: {flow(about(row))}", f"  schema: {flow(schema(row))}"]
    return lines


def form(tables: dict, _: list[str]) -> list[str]:
    """The options as fields of the form."""
    return [f"{row['name']}: {flow(schema(row))}" for row in tables["cam"]]


def activations(tables: dict, flags: list[str]) -> list[str]:
    """The options of POST /activations, for people."""
    return cam({"cam": tables["activations"]}, flags)


def activations_parameters(tables: dict, flags: list[str]) -> list[str]:
    """The same as parameters of the query."""
    return parameters({"cam": tables["activations"]}, flags)


def activations_form(tables: dict, flags: list[str]) -> list[str]:
    """The same as fields of the form."""
    return form({"cam": tables["activations"]}, flags)


def ascend(tables: dict, flags: list[str]) -> list[str]:
    """The options of POST /ascend, for people."""
    return cam({"cam": tables["ascend"]}, flags)


def ascend_parameters(tables: dict, flags: list[str]) -> list[str]:
    """Likewise for OpenAPI."""
    return parameters({"cam": tables["ascend"]}, flags)


def ascend_form(tables: dict, flags: list[str]) -> list[str]:
    """Likewise, as fields of a form."""
    return form({"cam": tables["ascend"]}, flags)


def filters(tables: dict, flags: list[str]) -> list[str]:
    """The options of GET /filters, for people."""
    return cam({"cam": tables["filters"]}, flags)


def filters_parameters(tables: dict, flags: list[str]) -> list[str]:
    """The same as parameters of the query."""
    return parameters({"cam": tables["filters"]}, flags)


def exemplars(tables: dict, flags: list[str]) -> list[str]:
    """The options of GET /exemplars, for people."""
    return cam({"cam": tables["exemplars"]}, flags)


def exemplars_parameters(tables: dict, flags: list[str]) -> list[str]:
    """The same as parameters of the query."""
    return parameters({"cam": tables["exemplars"]}, flags)


# ---- operators and networks ----


def operators(tables: dict, _: list[str]) -> list[str]:
    """The operators of the tables in engine/onnx, and the one that has no row there."""
    found = [["Constant", "0", "its value"]]
    for name, least, most, attributes in tables["operators"]:
        number = f"{least}" if least == most else f"{least} to {most}"
        if most == 0xFFFFFFFF:
            number = f"{least} or more"
        found.append([name, number, " ".join(f"`{a}`" for a in attributes.split())])
    return [
        "| operator | operands | attributes that are read |",
        "| --- | --- | --- |",
        *(f"| {' | '.join(row)} |".replace("  ", " ") for row in sorted(found, key=lambda r: r[0].lower())),
        "",
        f"{len(found)} operators.",
    ]


def networks(tables: dict, _: list[str]) -> list[str]:
    """A line for each outcome of each tested network."""
    forms: dict[tuple[str, str], list[str]] = {}
    for line in tables["networks"]:
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


# ---- the files ----

LISTS = {
    "README.md": (cam, serve),
    "docs/api.md": (cam, activations, ascend, filters, exemplars),
    "docs/models.md": (operators, networks),
    "docs/operations.md": (serve,),
    "static/openapi.yaml": (
        parameters,
        form,
        activations_parameters,
        activations_form,
        ascend_parameters,
        ascend_form,
        filters_parameters,
        exemplars_parameters,
    ),
}


def fill(path: str, text: str, tables: dict) -> tuple[str, list[str]]:
    """The text with its lists as they should be, and what was to be said of it."""
    problems = []
    for lines_of in LISTS[path]:
        name = lines_of.__name__.replace("_", "-")
        found = re.search(BLOCK.format(name, name), text, re.M | re.S)
        if not found:
            problems.append(f"{path} has no markers for the list {name}")
            continue
        indent, gap = found[1], [] if path.endswith(".yaml") else [""]
        lines = [*gap, *lines_of(tables, found[2].split()), *gap]
        new = "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)
        text = text[: found.start(3)] + new + text[found.end(3) :]
    return text, problems


def differences(path: str, had: str, has: str) -> list[str]:
    """One line for each line that is gone or missing."""
    old, new = had.splitlines(), has.splitlines()
    problems = [f"{path}: no longer: {x.strip()}" for x in old if x not in new]
    problems += [f"{path} lacks: {x.strip()}" for x in new if x not in old]
    return problems or [f"{path} has a list in another order"]


def check(tables: dict, root: Path, write: bool) -> list[str]:
    """Returns one line for each difference; writes the lists if told to."""
    problems = []
    for path in [*LISTS, "config/wherefore.ini"]:
        file = root / path
        had = file.read_text(encoding="utf-8") if file.exists() else ""
        has, missing = fill(path, had, tables) if path in LISTS else (ini(tables), [])
        problems += missing
        if write:
            file.write_text(has, encoding="utf-8")
        elif had != has:
            problems += differences(path, had, has)
    if problems and not write:
        problems.append("`make lists` brings them up to date")
    return problems


def read(path: str, root: Path) -> dict:
    """The tables, and the networks beside them."""
    tables = json.loads(Path(path).read_text(encoding="utf-8"))
    networks_txt = root / "tests" / "data" / "networks" / "networks.txt"
    tables["networks"] = networks_txt.read_text(encoding="utf-8").splitlines()
    return tables


if __name__ == "__main__":
    WRITE = "--write" in sys.argv
    ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--write"]
    ROOT = Path(ARGUMENTS[1] if len(ARGUMENTS) > 1 else ".")
    finish(
        check(read(ARGUMENTS[0], ROOT), ROOT, WRITE),
        f"the lists in {', '.join(LISTS)} are those of the program's tables",
    )
