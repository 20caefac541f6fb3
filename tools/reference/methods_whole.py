#!/usr/bin/env python3
"""Hold every method of explanation to its definition, on networks of full size.

    tools/reference/methods_whole.py [--networks a,b] [--methods a,b] [--count N] [PHOTO|FOLDER ...]
    tools/reference/methods_whole.py --table [--statistic median]

Runs in the environment of tools/reference/networks (tools/README.md). The
networks are those of zoo.py with random weights, BatchNorm's statistics being
those of the sample photos, and the default model with its own. Each photo is
stretched to the network's input and stored as PNG, so that both sides have the
same numbers; `wherefore cam` makes the map of the best class by each method, and
tools/reference/methods.py the same in double precision, by its definition, and
once more in PyTorch's float32.

An error is the largest difference as a fraction of the largest value of the map.
All are kept in build/bench/methods/errors.json and printed as Markdown, a column
for each network, of all photos the largest one or the median (--statistic). Where
floats get far from the definition, a second row has PyTorch's. "-": the method is
not defined for the network, and is refused.

Few samples, points, masks, windows and channels (PARAMETERS) keep it short: 14
networks and two photos take about half an hour of one core.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
import math
import statistics
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from PIL import Image
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent / "networks"))

import export
import methods
import zoo

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/bench/methods"
SAMPLES = ROOT / "static/samples"
OWN = "efficientnet-lite0"  # has its real weights
# The paper's (Zhou et al., CVPR 2016), and today's.
NETWORKS = (
    *("alexnet-gap", "alexnet-lrn", "vggnet-gap"),
    *("googlenet-gap", "googlenet-gmp", "nin"),
    *("resnet50", "mobilenet-v3", "vgg16", "convnext", "densenet121"),
    *("shufflenet-v2", "lane-change", OWN),
)
PARAMETERS = methods.Parameters(
    seed=7, samples=2, steps=4, window=112, masks=8, channels=8
)
FLAGS = {
    "smoothgrad": {"samples": PARAMETERS.samples, "seed": PARAMETERS.seed},
    "integrated-gradients": {"steps": PARAMETERS.steps},
    "occlusion": {"window": PARAMETERS.window},
    "rise": {"masks": PARAMETERS.masks, "seed": PARAMETERS.seed},
    "scorecam": {"max-channels": PARAMETERS.channels},
}
METHODS = (*methods.OF_LAYERS, *methods.OF_PIXELS, *methods.OF_GATES, "guided-gradcam")
MEAN, DEVIATION = 127, 128  # exact in floats
FAR = 1e-4  # what only branches and differences of targets are

Errors = dict[str, dict[str, list | None]]  # network, method, [ours, PyTorch's]


# ---- networks and photos ----


def stretched(photo: Path, size: tuple[int, int]) -> Image.Image:
    """Without the colour profile, which would be applied once more."""
    with Image.open(photo) as image:
        made = image.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC)
    return Image.fromarray(np.asarray(made))


def as_input(image: Image.Image) -> Tensor:
    """(1, 3, height, width) in double precision."""
    levels = torch.from_numpy(np.asarray(image).astype(np.float64))
    return ((levels - MEAN) / DEVIATION).permute(2, 0, 1)[None]


def photos_in(paths: list[Path]) -> list[Path]:
    """Those named, and those in folders."""
    found = [f for p in paths for f in (sorted(p.iterdir()) if p.is_dir() else [p])]
    return [f for f in found if f.suffix in (".jpg", ".png")]


def make_model(name: str) -> Path:
    """The model's folder, made unless it is there."""
    if name == OWN:
        return ROOT / "models" / OWN
    folder = FOLDER / name
    if (folder / "model.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    height, width = size = zoo.NETS[name].size
    samples = [as_input(stretched(p, size)) for p in photos_in([SAMPLES])]
    batch = torch.cat([x for s in samples for x in (s, s.flip(3))]).float()
    network = zoo.make(name, small=False, batch=batch)
    export.export(network, "dynamo18", batch[:1], folder / "model.onnx")
    described = {
        "name": name,
        "onnx": {"file": "model.onnx"},
        "input": {
            **{"width": width, "height": height, "channels": "RGB"},
            **{"resize": "stretch", "interpolation": "bicubic"},
            **{"mean": [MEAN] * 3, "std": [DEVIATION] * 3},
        },
    }
    (folder / "model.json").write_text(json.dumps(described))
    return folder


def case_of(model: onnx.ModelProto, layer: str) -> methods.Case:
    """What lies behind the layer, as far as definitions need to know it: cam is
    defined where a mean or maximum, one linear layer at most and perhaps a norm
    before it are all."""
    users: dict[str, list] = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    pools = ("GlobalAveragePool", "AveragePool", "ReduceMean", "ReduceMax")
    moves = ("Reshape", "Flatten", "Transpose", "Squeeze", "Identity", "Gather")
    logits, pooled, norm, linear = model.graph.output[0].name, "", "", 0
    name = layer
    while name != logits:
        (node,) = users[name]
        name = node.output[0]
        if node.op_type in pools:
            pooled = pooled or name
        elif node.op_type == "LayerNormalization":
            norm = name
        elif node.op_type == "Softmax":  # scores: of these are the logits
            logits = node.input[0]
            break
        elif node.op_type in ("Gemm", "MatMul", "Add"):
            linear += node.op_type != "Add"
        elif node.op_type not in moves:
            linear = math.inf
    closed = bool(pooled) and linear <= 1
    return methods.Case(
        file="",
        last=layer,
        pooled=pooled if closed else "",
        norm=norm if closed else "",
        logits=logits,
    )


# ---- both sides ----


def definition(network: methods.Network, layer: methods.Layer, method: str, c: int):
    """The map, or None where there is none."""

    def target(logits: Tensor) -> Tensor:
        return logits[c]

    if method in methods.OF_LAYERS:
        return methods.OF_LAYERS[method](layer, target)
    if method in methods.OF_PIXELS:
        return methods.OF_PIXELS[method](network, target)
    if methods.other_activation(network):
        return None
    if method == "guided-gradcam":
        return methods.guided_gradcam(network, layer, target)
    return methods.strongest(methods.OF_GATES[method](network, target))


def ask(
    program: Path, model: Path, photo: Path, method: str, c: int
) -> tuple[np.ndarray, str] | None:
    """The map of a class, and its layer; None where the method is refused."""
    command = [program, "cam", "--model", model, "--threads", "1"]
    command += ["--method", method, "--values=f32", "--class", str(c), photo]
    for flag, value in FLAGS.get(method, {}).items():
        command += [f"--{flag}", str(value)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        if f": {method}: " in done.stderr:
            return None
        raise SystemExit(f"{method}: {done.stderr}")
    answer = json.loads(done.stdout)
    described = answer["map"]
    values = np.frombuffer(base64.b64decode(described["values"]), "<f4")
    made = values.reshape(described["height"], described["width"])
    layer = answer["explanation"]["layer"]
    return made, layer["name"] if layer else ""


def distance(found: np.ndarray, wanted: Tensor) -> float:
    expected = wanted.detach().double().numpy()
    size = np.abs(expected).max()
    off = np.abs(found - expected).max()
    return float(off / size) if size > 0 else float(off)


def compare(
    program: Path, name: str, photo: Path, wanted: tuple[str, ...], scratch: Path
) -> dict[str, list | None]:
    """For each method the error of ours and that of PyTorch's float32."""
    folder = make_model(name)
    model = onnx.load(folder / "model.onnx")
    input_ = json.loads((folder / "model.json").read_text())["input"]
    image = stretched(photo, (input_["height"], input_["width"]))
    png = scratch / "photo.png"
    image.save(png)
    asked = functools.partial(ask, program, folder, png)
    layer_name = asked("gradcam", 0)[1]
    case = case_of(model, layer_name)
    both = []
    for x in (as_input(image), as_input(image).float()):
        network = methods.Network(case, model, x, PARAMETERS)
        both.append((network, methods.Layer(network, layer_name)))
    c = int(both[0][0].found.argmax())
    made: dict[str, list | None] = {}
    for method in wanted:
        exact = definition(*both[0], method, c)
        ours = asked(method, c)
        if (exact is None) != (ours is None):
            raise SystemExit(f"{name}, {method}: one of both is refused")
        if exact is None:
            made[method] = None
            continue
        floats = definition(*both[1], method, c).detach().numpy()
        made[method] = [distance(ours[0], exact), distance(floats, exact)]
        print(
            f"{name:20} {method:22}", *(f"{e:8.1e}" for e in made[method]), flush=True
        )
    return made


# ---- the table ----


def errors_in(path: Path) -> Errors:
    return json.loads(path.read_text()) if path.exists() else {}


def cell(pairs: list | None, whose: int, statistic: str) -> str:
    if pairs is None:
        return "-"
    of = {"max": max, "median": statistics.median}[statistic]
    return f"{of(pair[whose] for pair in pairs):.0e}".replace("e-0", "e-")


def print_table(errors: Errors, statistic: str) -> None:
    names = [name for name in NETWORKS if name in errors]
    names += [name for name in errors if name not in names]
    print("| method | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for method in METHODS:
        found = [errors[name].get(method, []) for name in names]
        if [] in found:
            continue
        far = any(pair[0] > FAR for pairs in found for pair in pairs or [])
        for whose in (0, 1) if far else (0,):
            row = [cell(pairs, whose, statistic) for pairs in found]
            label = "in PyTorch's floats" if whose else f"`{method}`"
            print(f"| {label} | " + " | ".join(row) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--count", type=int, default=2, help="photos (default 2)")
    parser.add_argument("--program", type=Path, default=ROOT / "build/wherefore")
    parser.add_argument("--errors", type=Path, default=FOLDER / "errors.json")
    parser.add_argument("--table", action="store_true", help="print the table only")
    parser.add_argument("--statistic", default="max", choices=("max", "median"))
    parser.add_argument("photos", nargs="*", type=Path, default=[SAMPLES])
    args = parser.parse_args()
    torch.set_num_threads(1)
    photos = photos_in(args.photos)[: args.count]
    wanted = tuple(args.methods.split(","))
    with tempfile.TemporaryDirectory() as scratch:
        for name in [] if args.table else args.networks.split(","):
            found = [
                compare(args.program, name, photo, wanted, Path(scratch))
                for photo in photos
            ]
            errors = errors_in(args.errors)
            for method, first in found[0].items():
                pairs = None if first is None else [f[method] for f in found]
                errors.setdefault(name, {})[method] = pairs
            args.errors.write_text(json.dumps(errors, indent=1))
    print_table(errors_in(args.errors), args.statistic)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
