#!/usr/bin/env python3
"""Makes docs/accuracy.md: the tables of Zhou et al. 2016 for models of ours.

    make accuracy DATA=photos/truth.csv [CLASSES=labelled/truth.csv] [ONLY=sets,heads]

DATA is a CSV file of photos with classes and boxes (docs/evaluate.md), CLASSES one of
photos with classes alone. The tables between the marks are written anew: of
`wherefore eval`, and of two heads fitted to the same features, one on their mean (GAP)
and one on their maximum (GMP), which the paper's section 3.1 compares.
"""

from __future__ import annotations

import argparse
import csv
import json
import platform
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from PIL import Image, ImageOps

ROOT = Path(__file__).resolve().parents[1]
WHEREFORE = ROOT / "build/wherefore"
PAGE = ROOT / "docs/accuracy.md"
MODELS = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
COMPARED = (MODELS[0], MODELS[2])  # of which all methods are measured
METHODS = ("cam", "gradcam", "layercam", "saliency", "occlusion")
RULES = ("paper", "calibrated", "object")
OF_PIXELS = ("saliency", "occlusion")  # for them, only the first rule is meant
CURVE_STEPS = 14  # of deletion and insertion: 26 passes for each map

SIZES = {  # of an object, as a share of the photo: in the report, and here
    "below_10": "below 10 %",
    "10_to_25": "10 to 25 %",
    "25_to_50": "25 to 50 %",
    "above_50": "above",
}

CENTRED = "centred 80 % box"

LEAST_PHOTOS = 9  # of a class, to fit heads with
FOLDS = 5
RIDGE, STEPS = 1e-3, 400  # of the fit


def evaluate(model: Path, data: Path, folder: Path, *options: str) -> dict:
    """The report of `wherefore eval`."""
    command = [WHEREFORE, "eval", "--model", model, "--out", folder, "--restart"]
    subprocess.run([*command, *options, data], check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def percent(share: float | None) -> str:
    """A share as a table has it."""
    return "" if share is None else f"{100 * share:.1f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """In Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def processor() -> str:
    """That of this machine. Other kernels round otherwise."""
    about = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"^model name\s*:\s*(.*)$", about, re.MULTILINE)
    return f"Processor: {found[1] if found else platform.machine()}.\n"


def classification(data: list[Path]) -> str:
    """The paper's table 1: of the models as they are."""
    rows = []
    for model in MODELS:
        for path in data:
            with tempfile.TemporaryDirectory() as folder:
                report = evaluate(ROOT / "models" / model, path, Path(folder))
            row = report["rows"][0]
            errors = [percent(1 - row[key]) for key in ("top1", "top5")]
            rows.append([f"`{model}`", path.parent.name, str(row["photos"]), *errors])
    return table(["model", "photos of", "number", "top-1 error", "top-5 error"], rows)


def localisation(data: Path) -> str:
    """The paper's tables 2 and 3: methods and rules."""
    rows = []
    for model in COMPARED:
        with tempfile.TemporaryDirectory() as folder:
            report = evaluate(
                ROOT / "models" / model,
                data,
                Path(folder),
                f"--method={','.join(METHODS)}",
                f"--box={','.join(RULES)}",
                "--quality=fast,fine",
            )
        for row in report["rows"]:
            if row["method"] in OF_PIXELS and not row["box"].startswith(RULES[0]):
                continue
            shares = [1 - row[key] for key in ("loc_top1", "loc_top5")]
            shares += [row[key] for key in ("gt_known", "max_box_acc_v2", "pointing")]
            box = re.sub(r" [\d.]+$", "", row["box"] or "")
            rows.append(
                [
                    f"`{model}`",
                    row["method"],
                    box,
                    *map(percent, shares),
                    f"{row['iou']:.3f}",
                ]
            )
    head = [
        "model",
        "map",
        "box",
        "top-1 localisation error",
        "top-5 localisation error",
    ]
    head += ["GT-known", "MaxBoxAccV2", "pointing game", "mean IoU"]
    return table(head, rows)


def curves(data: Path) -> str:
    """Deletion and insertion (docs/evaluate.md), of the first model."""
    with tempfile.TemporaryDirectory() as folder:
        report = evaluate(
            ROOT / "models" / MODELS[0],
            data,
            Path(folder),
            f"--method={','.join(METHODS)}",
            "--box=paper",
            f"--curves={CURVE_STEPS}",
        )
    rows = [
        [row["method"], f"{row['deletion']:.3f}", f"{row['insertion']:.3f}"]
        for row in report["rows"]
        if row.get("deletion") is not None
    ]
    return table(["map", "deletion (less is better)", "insertion (more is)"], rows)


SHOWN = {  # of `wherefore eval`: what the box and the method are called there
    ("object", "cam"): "object",
    ("object fine", "cam"): "object fine",
    ("paper 0.2", "cam"): "paper",
    ("", CENTRED): CENTRED,
}


def right_by_set(
    folder: Path, set_of: dict[str, str], names: list[str]
) -> list[list[str]]:
    """For each row of the report, the share of right boxes in each set."""
    right: dict[tuple[int, str], list[bool]] = {}
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["iou"]:
                of = right.setdefault((int(line["row"]), set_of[line["file"]]), [])
                of.append(float(line["iou"]) >= 0.5)
    shares = {key: sum(of) / len(of) for key, of in right.items()}
    count = 1 + max(row for row, _ in shares)
    return [
        [percent(shares.get((row, name))) for name in names] for row in range(count)
    ]


def sets(data: Path) -> str:
    """The right boxes of each set of photos, if DATA has a column `set`, and of objects
    of each size."""
    with data.open(encoding="utf-8", newline="") as file:
        set_of = {row["file"]: row.get("set", "") for row in csv.DictReader(file)}
    names = sorted(set(set_of.values()))
    rows = []
    for model in MODELS:
        with tempfile.TemporaryDirectory() as folder:
            options = ["--box=object,paper", "--quality=fast,fine"]
            report = evaluate(ROOT / "models" / model, data, Path(folder), *options)
            by_set = right_by_set(Path(folder), set_of, names)
        for row, of_sets in zip(report["rows"], by_set, strict=True):
            name = SHOWN.get((row["box"] or "", row["method"]))
            if name:
                sizes = [percent(row["by_size"][size]["gt_known"]) for size in SIZES]
                shares = [percent(row["gt_known"]), *of_sets, *sizes]
                rows.append([f"`{model}`", name, *shares])
    count = list(set_of.values()).count
    said = [f"{name or 'all'} ({count(name)})" for name in names]
    return table(["model", "box", "all", *said, *SIZES.values()], rows)


class Photo(NamedTuple):
    file: str
    name: str  # of its class
    rows: list[dict]  # of the CSV file, one for each box


def photos_of_classes(data: Path) -> list[Photo]:
    """Those of classes that have enough of them; the class as `class_hint`."""
    found: dict[str, Photo] = {}
    with data.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            photo = Photo(row["file"], row["class_hint"], [])
            found.setdefault(row["file"], photo).rows.append(row)
    names = [photo.name for photo in found.values()]
    return [p for p in found.values() if names.count(p.name) >= LEAST_PHOTOS]


def features(model: Path, data: Path, photos: list[Photo]) -> np.ndarray:
    """(photos, channels, height, width) of the last layer, by ONNX Runtime."""
    about = json.loads((model / "model.json").read_text(encoding="utf-8"))["input"]
    network = onnx.load(model / "model.onnx")
    pool = next(n for n in network.graph.node if n.op_type == "GlobalAveragePool")
    network.graph.output.append(onnx.ValueInfoProto(name=pool.input[0]))
    session = onnxruntime.InferenceSession(network.SerializeToString())
    name = session.get_inputs()[0].name
    made = []
    for photo in photos:
        path = next(
            p
            for p in (data.parent / photo.file, data.parent / "images" / photo.file)
            if p.exists()
        )
        with Image.open(path) as image:
            pixels = (
                ImageOps.exif_transpose(image)
                .convert("RGB")
                .resize((about["width"], about["height"]), Image.Resampling.BICUBIC)
            )
        x = (np.asarray(pixels, np.float32) - about["mean"]) / about["std"]
        x = x.transpose(2, 0, 1)[None].astype(np.float32)
        made.append(session.run([pool.input[0]], {name: x})[0][0])
    return np.stack(made)


def fit(pooled: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Softmax regression on standardised features, by Nesterov's gradient: weights
    (classes, channels) and biases of the features as they are."""
    mean, deviation = pooled.mean(0), pooled.std(0) + 1e-3
    x = (pooled - mean) / deviation
    wanted = np.eye(labels.max() + 1)[labels]
    weights = np.zeros((wanted.shape[1], x.shape[1]))
    bias, before = np.zeros(wanted.shape[1]), weights
    rate = 4 / (np.linalg.norm(x, 2) ** 2 / len(x) + RIDGE)
    for step in range(STEPS):
        ahead = weights + step / (step + 3) * (weights - before)
        scores = x @ ahead.T + bias
        scores = np.exp(scores - scores.max(1, keepdims=True))
        wrong = scores / scores.sum(1, keepdims=True) - wanted
        before = weights
        weights = ahead - rate * (wrong.T @ x / len(x) + RIDGE * ahead)
        bias = bias - wrong.mean(0)
    weights = weights / deviation
    return weights, bias - weights @ mean


def add_model(model: Path, weights: np.ndarray, names: list[str], folder: Path) -> Path:
    """The network with another head. Maps do not depend on how features are pooled."""
    network = onnx.load(model / "model.onnx")
    gemm = network.graph.node[-1]
    for tensor in network.graph.initializer:
        if tensor.name == gemm.input[1]:
            tensor.CopyFrom(
                numpy_helper.from_array(weights.astype(np.float32), tensor.name)
            )
        if tensor.name == gemm.input[2]:
            tensor.CopyFrom(
                numpy_helper.from_array(np.zeros(len(weights), np.float32), tensor.name)
            )
    network.graph.output[0].type.tensor_type.shape.dim[1].dim_value = len(weights)
    onnx.save(network, folder / "head.onnx")
    (folder / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    about = json.loads((model / "model.json").read_text(encoding="utf-8"))["input"]
    subprocess.run(
        [WHEREFORE, "model", "add", folder / "head.onnx", "--to", folder / "model"]
        + ["--labels", folder / "labels.txt"]
        + [f"--{key}={','.join(map(str, about[key]))}" for key in ("mean", "std")],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder / "model"


def write_csv(path: Path, data: Path, photos: list[Photo], names: list[str]) -> None:
    """A data set of some of the photos, with the head's classes."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["file", "class", "x0", "y0", "x1", "y1"])
        for photo in photos:
            for row in photo.rows:
                box = [row[key] for key in ("x0", "y0", "x1", "y1")]
                out.writerow([photo.file, names.index(photo.name), *box])


def heads(data: Path) -> str:
    """GAP against GMP: held out in folds."""
    model = ROOT / "models" / MODELS[0]
    photos = photos_of_classes(data)
    if not photos:
        return "No class of these photos has enough of them to fit heads.\n"
    names = sorted({photo.name for photo in photos})
    labels = np.array([names.index(photo.name) for photo in photos])
    maps = features(model, data, photos)
    pooled = {"GAP": maps.mean((2, 3)), "GMP": maps.max((2, 3))}
    # Photos of a class follow one another: each fold has some of each.
    fold = np.arange(len(photos)) % FOLDS
    root = data.parent / "images" if (data.parent / "images").is_dir() else data.parent
    rows = []
    for kind, x in pooled.items():
        right, found = 0, []
        for number in range(FOLDS):
            held = fold == number
            weights, bias = fit(x[~held], labels[~held])
            right += int(((x[held] @ weights.T + bias).argmax(1) == labels[held]).sum())
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                made = add_model(model, weights, names, folder)
                chosen = [p for p, h in zip(photos, held, strict=True) if h]
                write_csv(folder / "held.csv", data, chosen, names)
                options = [f"--photos={root}", "--box=paper"]
                report = evaluate(made, folder / "held.csv", folder / "out", *options)
            row = report["rows"][0]
            found += [
                (row["photos"], row["gt_known"], row["iou"], row["max_box_acc_v2"])
            ]
        count, known, iou, v2 = np.array(found).T
        mean = [float(np.average(v, weights=count)) for v in (known, v2, iou)]
        shares = [1 - right / len(photos), mean[0], mean[1]]
        rows.append([kind, *map(percent, shares), f"{mean[2]:.3f}"])
    numbers = np.bincount(labels)
    said = ", ".join(f"{n} ({count})" for n, count in zip(names, numbers, strict=True))
    head = ["head", "top-1 error", "GT-known", "MaxBoxAccV2", "mean IoU"]
    return (
        f"{len(photos)} photos of {len(names)} classes: {said}.\n\n{table(head, rows)}"
    )


def put(text: str, name: str, content: str) -> str:
    """Replaces what is between two marks of the page."""
    begin, end = f"<!-- {name}: make accuracy -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise SystemExit(f"{PAGE} has no mark {begin.strip()}")
    return f"{before}{begin}\n{content}\n{end}{after}"


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--classes", type=Path)
    parser.add_argument("--only", help="sections, with commas between; default: all")
    options = parser.parse_args()
    data = options.data.resolve()
    all_data = [data] + ([options.classes.resolve()] if options.classes else [])
    sections = {
        "machine": processor,
        "classification": lambda: classification(all_data),
        "localisation": lambda: localisation(data),
        "sets": lambda: sets(data),
        "curves": lambda: curves(data),
        "heads": lambda: heads(data),
    }
    wanted = options.only.split(",") if options.only else sections
    for name in wanted:
        if name not in sections:
            parser.error(f"{name} is none of {', '.join(sections)}")
        text = put(PAGE.read_text(encoding="utf-8"), name, sections[name]())
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
