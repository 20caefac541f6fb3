"""wherefore eval: what it measures, against numbers made here, and how it goes on."""

import csv
import itertools
import json
import os
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tiny
from conftest import MODEL, SAMPLES, WHEREFORE
from PIL import Image

# The objects in the samples, drawn by hand.
TRUTH = """\
file,class,x0,y0,x1,y1
chelsea.png,tabby;tiger cat;Egyptian cat,0,15,451,300
coffee.png,espresso,105,20,515,370
rocket.jpg,missile;projectile,290,60,355,390
rocket.jpg,missile;projectile,0,0,40,40
astronaut.png,space shuttle,330,20,512,330
"""
SHARED = ["--out", "out"]


def evaluate(
    folder: Path, *args, model=MODEL, **options
) -> subprocess.CompletedProcess:
    """Runs the command in a folder."""
    return subprocess.run(
        [WHEREFORE, "eval", "--model", model, *args],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


def report_of(folder: Path, name: str = "out") -> dict:
    """The report."""
    return json.loads((folder / name / "report.json").read_text())


def photos_of(folder: Path, name: str = "out") -> list[dict]:
    """The lines of photos."""
    with (folder / name / "photos.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def timeless(value):
    """A report or its lines without times."""
    if isinstance(value, dict):
        return {k: timeless(v) for k, v in value.items() if k != "ms"}
    return [timeless(v) for v in value] if isinstance(value, list) else value


def overlap(a, b) -> float:
    """Intersection over union of boxes that contain their last pixels, as in the
    code of Choe et al."""
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    common = max(width, 0) * max(height, 0)
    areas = [(x1 - x0 + 1) * (y1 - y0 + 1) for x0, y0, x1, y1 in (a, b)]
    return common / (sum(areas) - common)


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> Path:
    """The samples, and what is true of them."""
    folder = tmp_path_factory.mktemp("samples")
    for sample in SAMPLES.iterdir():
        (folder / sample.name).symlink_to(sample)
    (folder / "truth.csv").write_text(TRUTH)
    return folder


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory) -> Path:
    """A tiny model, and photos of the size of its input."""
    folder = tmp_path_factory.mktemp("tiny")
    tiny.model(folder / "model", ["a", "b", "c", "d", "e", "f", "g"])
    rng = np.random.default_rng(3)
    lines = ["file,class,x0,y0,x1,y1"]
    for i in range(6):
        pixels = rng.integers(0, 256, (tiny.HEIGHT, tiny.WIDTH, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
        x0, y0 = rng.integers(0, 20, 2)
        lines.append(f"{i}.png,{'abcdefg'[i]},{x0},{y0},{x0 + 25},{y0 + 10}")
    (folder / "truth.csv").write_text("\n".join(lines) + "\n")
    return folder


# --- what is measured -----------------------------------------------------------


def test_the_example_of_the_help_works(samples):
    """And the folder of the results is made with those above it."""
    said = evaluate(samples, "--help").stdout
    example = re.search(r"such as (--method \S+ --layer \S+):", said)[1].split()
    result = evaluate(samples, *example, "--out", "new/example", "truth.csv")
    assert result.returncode == 0, result.stderr
    rows = report_of(samples, "new/example")["rows"]
    shown = {(row["method"], row["layer"]) for row in rows if row["layer"]}
    assert len(shown) == 4 and {method for method, _ in shown} == set(example[1].split(","))


def test_boxes_are_those_of_cam_and_count_as_in_the_published_code(samples, cam):
    result = evaluate(samples, *SHARED, "--restart", "--threads", "2", "truth.csv")
    lines = {line["file"]: line for line in photos_of(samples) if line["row"] == "0"}
    row = report_of(samples)["rows"][0]
    found = []
    for file, entries in itertools.groupby(
        csv.DictReader(TRUTH.splitlines()), lambda entry: entry["file"]
    ):
        entries = list(entries)
        index = int(lines[file]["class"])
        answer = json.loads(cam("--class", str(index), SAMPLES / file).stdout)
        box = answer["box"]
        ours = [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
        assert [float(lines[file][key]) for key in ("x0", "y0", "x1", "y1")] == ours
        label = next(c["label"] for c in answer["classes"] if c["index"] == index)
        assert label in entries[0]["class"].split(";")
        inside = [ours[0], ours[1], ours[2] - 1, ours[3] - 1]
        best = max(
            overlap(
                inside, [int(e["x0"]), int(e["y0"]), int(e["x1"]) - 1, int(e["y1"]) - 1]
            )
            for e in entries
        )
        assert float(lines[file]["iou"]) == pytest.approx(best, abs=1e-9)
        found.append((best, int(lines[file]["rank"])))
    hits = [iou >= 0.5 for iou, _ in found]

    assert result.stderr == ""
    assert result.returncode == 0
    assert row["photos"] == row["boxed"] == 4
    assert row["gt_known"] == pytest.approx(np.mean(hits))
    assert row["iou"] == pytest.approx(np.mean([iou for iou, _ in found]))
    assert row["top1"] == pytest.approx(np.mean([rank == 1 for _, rank in found]))
    assert row["top5"] == pytest.approx(np.mean([rank <= 5 for _, rank in found]))
    assert row["loc_top1"] == pytest.approx(
        np.mean([hit and rank == 1 for hit, (_, rank) in zip(hits, found, strict=True)])
    )
    assert row["check"] < 1e-4


def test_both_qualities_are_measured_side_by_side(samples, cam):
    """Of the rule object, and of no other."""
    result = evaluate(
        samples, "--out", "fine", "--box", "object,paper", "--quality", "fast,fine",
        "truth.csv",
    )  # fmt: skip
    lines = [line for line in photos_of(samples, "fine") if line["method"] == "cam"]

    assert result.stderr == ""
    names = [row["box"] for row in report_of(samples, "fine")["rows"]][:3]
    assert names == ["object", "object fine", "paper 0.2"]
    for line in lines:
        if line["box"] == "paper 0.2":
            continue
        quality = "fine" if line["box"].endswith("fine") else "fast"
        options = ("--class", line["class"], "--quality", quality)
        box = json.loads(cam(*options, SAMPLES / line["file"]).stdout)["box"]
        ours = [box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]]
        assert [float(line[key]) for key in ("x0", "y0", "x1", "y1")] == ours


def test_the_table_the_lines_and_the_picture_say_the_same(samples):
    result = evaluate(samples, "--out", "said", "--method", "cam,eigencam", "truth.csv")
    report = report_of(samples, "said")
    lines = photos_of(samples, "said")
    drawn = (samples / "said/curves.svg").read_text()

    assert [row["method"] for row in report["rows"]] == [
        "cam", "eigencam", "whole picture", "centred 80 % box", "random map",
    ]  # fmt: skip
    assert len(lines) == 4 * 5
    for number, row in enumerate(report["rows"]):
        mine = [line for line in lines if int(line["row"]) == number]
        energies = [float(line["energy"]) for line in mine]
        printed = [x for x in result.stdout.splitlines() if x.startswith(row["method"])]
        assert row["energy"] == pytest.approx(np.mean(energies))
        assert f"{100 * row['energy']:.1f}" in printed[0].split()
        assert f"{100 * row['any_50']['best']:.1f} @ " in printed[1]
        assert f">{row['method']}" in drawn
        correct = np.zeros(255)
        for line in mine:
            for part in line["any_50"].split():
                first, last = map(int, part.split("-"))
                correct[first : last + 1] += 1
        assert row["any_50"]["accuracy"] == pytest.approx(list(correct / 4))
        assert row["any_50"]["best"] == pytest.approx(correct.max() / 4)
    assert drawn.count('<path stroke="') == 5 * 3 + 5


def test_combinations_share_passes_and_change_no_number(tiny_data):
    together = evaluate(
        tiny_data, *SHARED, "--method", "gradcam,layercam,saliency", "--target",
        "logit,finer", "--box", "paper,otsu", "--threshold", ".2,.4", "truth.csv",
        model="model",
    )  # fmt: skip
    found = [
        (r["method"], r["target"], r["box"]) for r in report_of(tiny_data)["rows"][:-3]
    ]
    boxes = ["paper .2", "paper .4", "otsu"]

    assert together.returncode == 0, together.stderr
    assert found == list(
        itertools.product(
            ["gradcam", "layercam", "saliency"], ["logit", "finer"], boxes
        )
    )
    evaluate(
        tiny_data, "--out", "alone", "--method", "layercam", "--target", "finer",
        "--threshold", ".4", "truth.csv", model="model",
    )  # fmt: skip
    mine = [
        line
        for line in photos_of(tiny_data)
        if (line["method"], line["target"], line["box"])
        == ("layercam", "finer", "paper .4")
    ]
    alone = [line for line in photos_of(tiny_data, "alone") if line["row"] == "0"]
    assert len(alone) == 6
    for one, other in zip(mine, alone, strict=True):
        assert timeless(one) == timeless(other) | {"row": one["row"]}


def blurred(image: np.ndarray) -> np.ndarray:
    """A Gaussian blur with a deviation of 5, cut off at 5, the border repeated."""
    weights = np.exp(-(np.arange(-5, 6) ** 2) / 50.0)
    weights /= weights.sum()
    for axis in (0, 1):
        pad = [(5, 5) if i == axis else (0, 0) for i in range(3)]
        windows = np.lib.stride_tricks.sliding_window_view(
            np.pad(image, pad, mode="edge"), 11, axis
        )
        image = windows @ weights
    return image


def test_deletion_and_insertion_are_those_of_numpy(tiny_data):
    steps = 9
    evaluate(
        tiny_data, "--out", "curves", "--method", "saliency", "--curves", str(steps),
        "truth.csv", model="model",
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(tiny_data / "model/model.onnx"))
    lines = [line for line in photos_of(tiny_data, "curves") if line["row"] == "0"]

    def score(image: np.ndarray, index: int) -> float:
        chw = image.transpose(2, 0, 1)[None].astype(np.float32)
        return float(session.run(None, {"input": chw})[0][0, index])

    assert len(lines) == 6
    for line in lines:
        photo = tiny_data / line["file"]
        image = (np.asarray(Image.open(photo), float) - 127) / 64
        answer = subprocess.run(
            [WHEREFORE, "cam", "--model", "model", "--method", "saliency", "--values",
             "--class", line["class"], photo],
            cwd=tiny_data, capture_output=True, check=True, timeout=60,
        )  # fmt: skip
        cells = np.array(json.loads(answer.stdout)["map"]["values"])
        order = np.argsort(-cells.ravel(), kind="stable")
        pixels, index = image.reshape(-1, 3), int(line["class"])
        for name, start, finish in (
            ("deletion", pixels, np.zeros_like(pixels)),
            ("insertion", blurred(image).reshape(-1, 3), pixels),
        ):
            scores = []
            for step in range(steps + 1):
                now = start.copy()
                changed = order[: round(step * len(order) / steps)]
                now[changed] = finish[changed]
                scores.append(score(now.reshape(image.shape), index))
            area = np.trapezoid(scores, dx=1 / steps)
            assert float(line[name]) == pytest.approx(area, abs=1e-3)


def test_labels_alone_give_no_boxes_and_no_picture(tiny_data):
    (tiny_data / "labels.csv").write_text("file,class\n0.png,a\n1.png,g\n2.png,\n")
    result = evaluate(tiny_data, "--out", "labels", "labels.csv", model="model")
    row = report_of(tiny_data, "labels")["rows"][0]

    assert result.returncode == 0, result.stderr
    assert row["boxed"] == 0
    assert row["gt_known"] is None
    assert not (tiny_data / "labels/curves.svg").exists()


# --- how it goes on -------------------------------------------------------------


def many(folder: Path, count: int, name: str) -> str:
    """A data set with the photos again and again."""
    head, *lines = (folder / "truth.csv").read_text().splitlines()
    repeated = [f"{i}.png,{lines[i % 6].split(',', 1)[1]}" for i in range(count)]
    for i in range(count):
        if not (folder / f"{i}.png").exists():
            (folder / f"{i}.png").symlink_to(f"{i % 6}.png")
    (folder / name).write_text("\n".join([head, *repeated]) + "\n")
    return name


def test_an_evaluation_cut_anywhere_ends_as_if_it_had_not_been(tiny_data):
    data = many(tiny_data, 40, "forty.csv")
    evaluate(tiny_data, "--out", "whole", data, model="model")
    whole = (tiny_data / "whole/photos.csv").read_bytes()
    expected = (
        timeless(report_of(tiny_data, "whole")),
        timeless(photos_of(tiny_data, "whole")),
    )
    cuts = [0, 10, len(whole) // 3, len(whole) // 2 + 7, len(whole) - 1, len(whole)]

    for cut in [*cuts, whole.index(b"\n", len(whole) // 2) + 1]:
        (tiny_data / "whole/photos.csv").write_bytes(whole[:cut])
        (tiny_data / "whole/report.json").unlink()
        result = evaluate(tiny_data, "--out", "whole", data, model="model")
        assert result.returncode == 0, result.stderr
        assert timeless(photos_of(tiny_data, "whole")) == expected[1], cut
        assert timeless(report_of(tiny_data, "whole")) == expected[0], cut


def test_a_killed_evaluation_goes_on(tiny_data):
    data = many(tiny_data, 150, "hundreds.csv")
    command = [WHEREFORE, "eval", "--model", "model", "--out", "killed", data]
    photos = tiny_data / "killed/photos.csv"
    with subprocess.Popen(command, cwd=tiny_data, stdout=subprocess.DEVNULL) as process:
        while not photos.exists() or photos.stat().st_size < 20_000:
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
    begun = photos.read_bytes()
    result = evaluate(tiny_data, "--out", "killed", data, model="model")
    evaluate(tiny_data, "--out", "through", data, model="model")

    assert begun.count(b"\n") < 150 * 4
    assert result.returncode == 0, result.stderr
    assert photos.read_bytes().startswith(begun[: begun.rindex(b"\n")])
    assert timeless(photos_of(tiny_data, "killed")) == timeless(
        photos_of(tiny_data, "through")
    )


def test_an_evaluation_that_is_done_runs_nothing(tiny_data):
    arguments = ["--out", "done", "truth.csv"]
    first = evaluate(tiny_data, *arguments, model="model")
    again = evaluate(tiny_data, *arguments, model="model")

    assert again.stdout == first.stdout  # times included


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--method", "eigencam"], "results of another evaluation"),
        (["--input-size", "96x64"], "results of another evaluation"),
    ],
)
def test_other_settings_do_not_go_on_in_the_same_folder(tiny_data, args, said):
    evaluate(tiny_data, "--out", "kept", "truth.csv", model="model")
    before = (tiny_data / "kept/photos.csv").read_bytes()
    result = evaluate(tiny_data, "--out", "kept", *args, "truth.csv", model="model")

    assert result.returncode == 1
    assert said in result.stderr
    assert (tiny_data / "kept/photos.csv").read_bytes() == before
    assert evaluate(
        tiny_data, "--out", "kept", "--restart", *args, "truth.csv", model="model"
    ).returncode == 0  # fmt: skip


def test_a_line_that_is_not_its_own_is_named(tiny_data):
    evaluate(tiny_data, "--out", "edited", "truth.csv", model="model")
    photos = tiny_data / "edited/photos.csv"
    lines = photos.read_text().splitlines(keepends=True)
    photos.write_text("".join(lines[:5] + lines[6:]))
    result = evaluate(tiny_data, "--out", "edited", "truth.csv", model="model")

    assert result.returncode == 1
    assert "photos.csv: line 6: it is not in its place" in result.stderr


def test_a_broken_photo_is_a_line_of_the_report(tiny_data):
    (tiny_data / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    (tiny_data / "broken.csv").write_text(
        (tiny_data / "truth.csv").read_text()
        + "broken.png,a,0,0,1,1\nmissing.png,b,0,0,1,1\n0.png,unheard of,0,0,1,1\n"
    )
    result = evaluate(tiny_data, "--out", "broken", "broken.csv", model="model")
    errors = {
        line["file"]: line["error"]
        for line in photos_of(tiny_data, "broken")
        if line["error"]
    }
    report = report_of(tiny_data, "broken")

    assert result.returncode == 1
    assert result.stdout.startswith(
        "model on broken.csv: 6 photos measured, 6 with boxes; 3 not"
    )
    assert set(errors) == {"broken.png", "missing.png", "0.png"}
    assert 'no class "unheard of"' in errors["0.png"]
    assert "  missing.png: " in result.stdout
    assert report["not_measured"] == 3
    assert report["rows"][0]["photos"] == 6
    # and again, from the file
    again = evaluate(tiny_data, "--out", "broken", "broken.csv", model="model")
    assert again.stdout == result.stdout
    assert again.returncode == 1


def peak_of(folder: Path, data: str) -> int:
    """The most memory of an evaluation, in KiB."""
    command = [WHEREFORE, "eval", "--model", "model", "--out", f"{data}.out", data]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss


def test_more_photos_take_no_more_memory(tiny_data):
    few = peak_of(tiny_data, many(tiny_data, 30, "few.csv"))
    lots = peak_of(tiny_data, many(tiny_data, 400, "lots.csv"))

    # what the data set says of a photo is kept: some hundred bytes
    assert lots - few < 4000


# --- what is refused ------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no data set is given"),
        (["truth.csv", "truth.csv"], "only one data set"),
        (["--method", "cam,grad", "truth.csv"], '"grad" is not accepted'),
        (["--samples", "3", "truth.csv"], 'option "samples"'),
        (["--box", "otsu", "--threshold", ".1", "truth.csv"], 'option "threshold"'),
        (["--method", "cam", "--layer", "-1,-2", "truth.csv"], "layer"),
        (["--target", "margin", "truth.csv"], "against"),
        (["--class", "a", "truth.csv"], "unknown option"),
        (["--channels", "3", "truth.csv"], "unknown option"),
    ],
)
def test_mistakes_on_the_command_line_are_named(tiny_data, args, said):
    result = evaluate(tiny_data, "--out", "mistakes", *args, model="model")

    assert result.returncode == 2
    assert said in result.stderr
    assert not (tiny_data / "mistakes").exists()


def test_a_data_set_that_cannot_be_read_is_named(tiny_data):
    result = evaluate(tiny_data, "--out", "nowhere", "nothing.csv", model="model")

    assert result.returncode == 1
    assert "nothing.csv" in result.stderr
