"""lists.py writes what the program's tables say, and names.py finds what the
documentation says otherwise. The tables here are small ones, as tables.c prints them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CHECKS = Path(__file__).resolve().parents[2] / "tools" / "checks"

METRICS = """\
# TYPE wherefore_requests_total counter
wherefore_requests_total{route="/cam",status="200"} 0
# TYPE wherefore_rejected_total counter
wherefore_rejected_total{reason="queue_full"} 0
# TYPE wherefore_stage_seconds histogram
wherefore_stage_seconds_bucket{stage="total",le="1"} 0
# TYPE wherefore_workers gauge
wherefore_workers 2
"""
TABLES = {
    "serve": [
        {"section": "work", "help": "how much"},
        {"flag": "a-b", "default": "2", "accepts": "1 to 9 things", "in_file": True, "help": "many"},
        {"flag": "hue", "default": "red", "accepts": "red|green", "in_file": True, "help": "hue"},
        {"flag": "config", "default": "", "accepts": "FILE", "in_file": False, "help": "a file"},
        {"action": "help", "help": "list them"},
    ],
    "cam": [
        {"name": "top", "default": "5", "accepts": "1 or more (or all)", "help": "how many"},
        {"name": "class", "default": "the best one", "accepts": 'a label or "top"; repeatable, at most 16 classes', "help": "which"},
        {"name": "colormap", "default": "jet", "accepts": "jet or gray", "help": "colours"},
        {"name": "alpha", "default": "0.5", "accepts": "0 to 1", "help": "strength"},
        {"name": "size", "default": "its own", "accepts": "1 to 4096", "help": "longest side"},
        {"name": "threshold", "default": "0.2", "accepts": "0 to 1", "help": "the cut"},
    ],
    "activations": [
        {"name": "deep", "default": "3", "accepts": "1 to 9", "help": "how deep"},
    ],
    "ascend": [
        {"name": "high", "default": "4", "accepts": "2 to 5", "help": "how high"},
    ],
    "filters": [
        {"name": "wide", "default": "7", "accepts": "1 to 8", "help": "how wide"},
    ],
    "exemplars": [
        {"name": "tall", "default": "2", "accepts": "1 to 6", "help": "how tall"},
    ],
    "routes": [["POST", "/cam"], ["GET", "/"]],
    "problems": [[413, "over-limit"], [503, "busy"]],
    "statuses": [0, 200, 413, 503],
    "metrics": METRICS,
    "operators": [
        ["Sum", 1, 0xFFFFFFFF, ""],
        ["Clip", 1, 3, "min max"],
        ["Tan", 1, 1, ""],
    ],
}  # fmt: skip
MARKERS = "<!-- {0}{1}: `make lists` writes what follows -->\n<!-- {0}: up to here -->\n"
INDENTED = "      # {0}: `make lists` writes what follows\n      # {0}: up to here\n"
FILES = {
    "README.md": MARKERS.format("cam", "") + MARKERS.format("serve", " hue"),
    "docs/api.md": MARKERS.format("cam", "")
    + MARKERS.format("activations", "")
    + MARKERS.format("ascend", "")
    + MARKERS.format("filters", "")
    + MARKERS.format("exemplars", "")
    + "## Routes\n\n| `POST /cam` | |\n| `GET /` | |\n\n"
    + "## Errors\n\n| 413 | `over-limit` | |\n| 503 | `busy` | |\n\n## Limits\n",
    "docs/models.md": MARKERS.format("operators", "") + MARKERS.format("networks", ""),
    "docs/operations.md": "Before.\n"
    + MARKERS.format("serve", "")
    + "After.\n\n## Metrics\n\n| `wherefore_requests_total{route,status}` | counter | |\n"
    "| `wherefore_rejected_total{reason}` | counter | |\n"
    "| `wherefore_stage_seconds{stage}` | histogram | |\n| `wherefore_workers` | gauge | |\n\n"
    "| reason | answer |\n| --- | --- |\n| `queue_full` | 503 |\n\n"
    "| exit status | |\n| --- | --- |\n| 0 | stopped |\n| 1 | failed |\n\n",
    "static/openapi.yaml": "openapi: 3.1.0\npaths:\n  /cam:\n    post:\n"
    + INDENTED.format("parameters")
    + INDENTED.format("form")
    + INDENTED.format("activations-parameters")
    + INDENTED.format("activations-form")
    + INDENTED.format("ascend-parameters")
    + INDENTED.format("ascend-form")
    + INDENTED.format("filters-parameters")
    + INDENTED.format("exemplars-parameters")
    + "  /:\n    get:\n  x:\n        kind:\n          type: string\n"
    "          enum: [over-limit, busy]\n",
    "static/index.html": '<input id="opacity" type="range" min="0" max="1" step="0.01">'
    '<input id="threshold" type="range" min="0" max="1" step="0.01">',
    "static/app.js": '  opacity: 0.5, threshold: 0.2, colormap: "jet", top: 5, // at most\n'
    "const MOST_MAPS = 16;",
    "static/ask.js": 'const advice = {\n  "over-limit": "smaller",\n};\n',
    "static/palettes.js": '  jet: "AF",\npalettes.gray = 1;\n',
    "config/wherefore.ini": "",
    "docs/deploy.md": "With `--hue green`, and docker's `--platform`.\n",
    "SECURITY.md": "",
    "wherefore": "#!/bin/sh\ncat << END\n  --a-b N  many\n  --hue HUE  hue\n\n"
    "Exit status: 0 it was told to\nstop, 1 it cannot serve.\nEND\n",
    "tests/data/networks/networks.txt": "net-a1\tnet\tnone: why\nnet-b2\tnet\tnone: why\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project, its lists not yet written."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "tables.json").write_text(json.dumps(TABLES), encoding="utf-8")
    (tmp_path / "wherefore").chmod(0o755)
    return tmp_path


def run(check: str, tree: Path, *arguments: str) -> subprocess.CompletedProcess:
    """One check of that project."""
    read = [tree / "tables.json", *([tree / "wherefore"] if check == "names" else [])]
    return subprocess.run(
        [sys.executable, CHECKS / f"{check}.py", *arguments, *read, tree],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def replace(file: Path, old: str, new: str) -> None:
    """One change of one file."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_lists_are_written_between_their_markers(tree):
    result = run("lists", tree)
    assert result.returncode == 1
    assert "docs/operations.md lacks: | `--a-b` | 2 | 1 to 9 things | many |" in result.stderr
    assert run("lists", tree, "--write").returncode == 0
    assert run("lists", tree).returncode == 0

    page = (tree / "docs/operations.md").read_text(encoding="utf-8")
    assert page.startswith("Before.\n") and "After.\n" in page
    assert "| `--hue` | `red` | `red`, `green` | hue |\n" in page
    assert "| `--help` | | | list them |\n" in page


@pytest.mark.parametrize(
    ("path", "there", "not_there"),
    [
        ("README.md", "| `--hue` |", "`--a-b`"),
        ("docs/api.md", "| `deep` | 3 | 1 to 9 | how deep |", "`hue`"),
        ("README.md", '| `class` | the best one | a label or `top`; repeatable', '"'),
        ("config/wherefore.ini", "\n[work]\n# how much\n\n# many (1 to 9 things)\n;a-b = 2\n", "config ="),
        ("docs/models.md", "| Sum | 1 or more | |\n| Tan | 1 | |\n\n4 operators.", "4294967295"),
        ("docs/models.md", "| Clip | 1 to 3 | `min` `max` |\n| Constant | 0 | its value |", "none: why"),
        ("docs/models.md", "| net | a1, b2 | none |\n\n2 files.", "a1 |"),
    ],
)  # fmt: skip
def test_lists_are_for_people(tree, path, there, not_there):
    assert run("lists", tree, "--write").returncode == 0
    text = (tree / path).read_text(encoding="utf-8")
    assert there in text and not_there not in text


@pytest.mark.parametrize(
    "field",
    [
        "top: {type: integer, minimum: 1, default: 5}",
        "class: {type: array, items: {type: string}, maxItems: 16}",
        "colormap: {type: string, enum: [jet, gray], default: jet}",
        "alpha: {type: number, minimum: 0, maximum: 1, default: 0.5}",
        "size: {type: integer, minimum: 1, maximum: 4096}",
    ],
)
def test_openapi_has_type_range_and_default_of_an_option(tree, field):
    assert run("lists", tree, "--write").returncode == 0
    text = (tree / "static/openapi.yaml").read_text(encoding="utf-8")
    name, _, schema = field.partition(": ")
    assert f"\n      {field}\n" in text
    assert f"\n      - name: {name}\n        in: query\n" in text
    assert f"\n        schema: {schema}\n" in text


def test_a_list_that_is_another_now_is_found(tree):
    assert run("lists", tree, "--write").returncode == 0
    replace(tree / "tables.json", '"default": "red"', '"default": "green"')
    result = run("lists", tree)
    assert result.returncode == 1
    assert "config/wherefore.ini: no longer: ;hue = red\n" in result.stderr
    assert "config/wherefore.ini lacks: ;hue = green\n" in result.stderr


def test_a_list_without_markers_is_found(tree):
    replace(tree / "README.md", "<!-- cam:", "<!-- can:")
    result = run("lists", tree, "--write")
    assert result.returncode == 1
    assert "README.md has no markers for the list cam" in result.stderr


@pytest.mark.parametrize(
    ("path", "old", "new", "finding"),
    [
        ("docs/api.md", "`GET /`", "`GET /old`", "names /old, which is not there"),
        ("docs/api.md", "`POST /cam`", "that", "lacks /cam"),
        ("docs/api.md", "| 413 |", "| 414 |", "lacks 413 over-limit"),
        ("docs/api.md", "`busy`", "`tired`", "names 503 tired, which is not there"),
        ("static/openapi.yaml", "  /:\n    get:", "  /:\n    put:", "lacks GET /"),
        ("static/openapi.yaml", ", busy]", "]", "lacks busy"),
        ("static/ask.js", "over-limit", "too-large", "names too-large"),
        ("tables.json", "200, 413,", "200,", "METRICS_STATUSES lacks 413"),
        ("docs/operations.md", "{route,status}", "{route}", "{route,status} counter"),
        ("docs/operations.md", "| gauge |", "| counter |", "lacks wherefore_workers gauge"),
        ("docs/operations.md", "`queue_full`", "`full`", "lacks queue_full"),
        ("static/index.html", 'id="opacity" type="range" min="0"', 'id="opacity"', "opacity does not"),
        ("static/app.js", "threshold: 0.2", "threshold: 0.3", "threshold is not 0.2 at first"),
        ("static/app.js", "top: 5", "top: 6", "colormap or top is not"),
        ("static/app.js", "MOST_MAPS = 16", "MOST_MAPS = 17", "MOST_MAPS is not 16"),
        ("docs/deploy.md", "--hue", "--colour", "names --colour, which is not there"),
        ("wherefore", "--hue", "--tint", "docs/deploy.md names --hue, which is not there"),
        ("docs/operations.md", "| 1 | failed |", "| 2 | failed |", "lacks 1"),
        ("static/palettes.js", "palettes.gray", "palettes.grey", "lacks gray"),
    ],
)  # fmt: skip
def test_names_finds_what_the_tables_say_otherwise(tree, path, old, new, finding):
    assert run("names", tree).returncode == 0
    replace(tree / path, old, new)
    result = run("names", tree)
    assert result.returncode == 1
    assert finding in result.stderr
