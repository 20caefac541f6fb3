"""wherefore calibrate: how boxes are cut best for a model."""

import csv
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import MODEL, WHEREFORE, Run
from PIL import Image

Box = tuple[float, float, float, float]
OVERLAPS = (0.3, 0.5, 0.7)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the model, without a calibration."""
    folder = tmp_path / "model"
    shutil.copytree(MODEL, folder)
    spec = json.loads((folder / "model.json").read_text())
    spec.pop("box", None)
    (folder / "model.json").write_text(json.dumps(spec))
    return folder


def boxes_of(model: Path, files: list[Path], *args: str) -> list[Box]:
    """What `wherefore cam` finds, without heatmaps."""
    result = subprocess.run(
        [WHEREFORE, "cam", "--model", model, *args, *files],
        capture_output=True,
        timeout=60,
        check=True,
    )
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    found = [line["box"] for line in lines]
    return [(b["x"], b["y"], b["x"] + b["width"], b["y"] + b["height"]) for b in found]


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    area = sum((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return shared / (area - shared)


def mean_right(found: list[Box], true: list[Box]) -> float:
    overlaps = [overlap(*pair) for pair in zip(found, true, strict=True)]
    return sum(o >= least for o in overlaps for least in OVERLAPS) / (
        len(overlaps) * len(OVERLAPS)
    )


@pytest.fixture
def data(photos: Path, model: Path) -> tuple[Path, list[Path], list[Box]]:
    """Six parts of the photos; their true boxes are those of the rule paper,
    smaller and moved to the right and down."""
    files, true = [], []
    for path in sorted(photos.glob("*.*")):
        with Image.open(path) as opened:
            image = opened.convert("RGB").resize((224, 224))
        for i, part in enumerate(((0, 0), (9, 9))):
            files.append(photos / f"{path.stem}-{i}.png")
            image.crop((*part, part[0] + 200, part[1] + 200)).save(files[-1])
    for x0, y0, x1, y1 in boxes_of(model, files, "--box", "paper"):
        x, y, w, h = (x0 + x1) / 2, (y0 + y1) / 2, 0.4 * (x1 - x0), 0.4 * (y1 - y0)
        true.append((x - w + 10, y - h + 10, x + w + 10, y + h + 10))
    with (photos / "truth.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "x0", "y0", "x1", "y1"])
        writer.writerows([f.name, *box] for f, box in zip(files, true, strict=True))
    true = [tuple(min(max(side, 0), 200) for side in box) for box in true]
    return photos / "truth.csv", files, true


def calibrate(model: Path, *args: str | Path) -> Run:
    return subprocess.run(
        [WHEREFORE, "calibrate", "--model", model, *args],
        capture_output=True,
        timeout=60,
        check=False,
    )


def row(stdout: bytes, name: str) -> list[float]:
    """The numbers of a row of the table."""
    line = next(x for x in stdout.decode().splitlines() if x.startswith(name))
    return [float(x) for x in line[len(name) :].replace("%", " ").split()]


def test_the_rule_that_was_found_is_as_right_as_it_says(model, data):
    truth, files, true = data
    before = json.loads((model / "model.json").read_text())

    result = calibrate(model, truth, "--folds", "3", "--name", "parts of samples")

    assert result.stderr == b""
    assert result.returncode == 0
    after = json.loads((model / "model.json").read_text())
    box = after.pop("box")
    assert after == before
    assert box["found_on"]["data"] == "parts of samples"
    assert box["found_on"]["photos"] == len(files)
    assert box["found_on"]["method"] == "cam"
    paper, best = row(result.stdout, "rule paper"), row(result.stdout, "all photos")
    assert best[:4] == pytest.approx(
        [box["threshold"], box["scale"], *box["shift"]], abs=0.0051
    )
    calibrated = boxes_of(model, files, "--box", "calibrated")
    plain = boxes_of(model, files, "--box", "paper")
    assert 100 * mean_right(plain, true) == pytest.approx(paper[4], abs=0.051)
    assert 100 * mean_right(calibrated, true) == pytest.approx(best[4], abs=0.051)
    assert mean_right(calibrated, true) > 0.9


def test_a_dry_run_writes_nothing_but_the_picture(model, data, tmp_path):
    before = (model / "model.json").read_bytes()
    svg = tmp_path / "curve.svg"

    result = calibrate(model, data[0], "--dry-run", "--svg", svg, "--folds", "3")

    assert (result.returncode, result.stderr) == (0, b"")
    assert (model / "model.json").read_bytes() == before
    root = ElementTree.parse(svg).getroot()
    lines = [
        p for p in root.iter("{http://www.w3.org/2000/svg}path") if p.get("stroke")
    ]
    assert len(lines) == 3 * 2 + 2  # in each of the panels, and the legend


def test_what_is_no_better_than_the_paper_is_not_written(model, data):
    truth, files, _ = data
    before = (model / "model.json").read_bytes()
    plain = boxes_of(model, files, "--box", "paper")
    rows = [
        ",".join(map(str, (file.name, *box)))
        for file, box in zip(files, plain, strict=True)
    ]
    truth.write_text("\n".join(["file,x0,y0,x1,y1", *rows]))

    result = calibrate(model, truth, "--folds", "3")

    assert result.returncode == 1
    assert b"no better than the rule paper" in result.stderr
    assert (model / "model.json").read_bytes() == before


def test_photos_that_cannot_be_measured_are_named_and_left_out(model, data):
    truth, files, _ = data
    files[0].unlink()

    result = calibrate(model, truth, "--folds", "3", "--dry-run")

    assert result.returncode == 0
    assert files[0].name.encode() in result.stderr
    assert result.stdout.startswith(b"5 photos, 5 boxes")


@pytest.mark.parametrize(
    ("args", "why", "status"),
    [
        ([], b"no data set is given", 2),
        (["a.csv", "b.csv"], b"only one data set is taken", 2),
        (["--folds", "1", "a.csv"], b"folds", 2),
        (["--threshold", "0.3", "a.csv"], b"unknown option", 2),
        (["--quality", "fine", "a.csv"], b"unknown option", 2),
        (["--format", "xml", "a.csv"], b"format", 2),
        (["/nowhere/a.csv"], b"/nowhere/a.csv: cannot be opened", 1),
        (["--method", "nothing", "a.csv"], b"method", 2),
    ],
)
def test_what_is_wrong_is_named(model, args, why, status):
    result = calibrate(model, *args)

    assert why in result.stderr
    assert result.returncode == status
