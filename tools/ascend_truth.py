#!/usr/bin/env python3
"""Measures the pictures of `wherefore ascend`.

classes    Draws classes by a fixed seed, makes a picture of each with one model, and
           asks this and another model, which never saw them, what they are of. Prints
           for each method how often the class comes first, and its mean score.
channels   Draws channels of a layer by a fixed seed, and compares the mean that their
           pictures reach, before the clamp, with that of the best photo of a folder
           (by ONNX Runtime).

Pictures that are there already are not made again, so that a run can be continued.

Usage: ascend_truth.py classes --judge models/efficientnet-lite2 [--count 64]
       ascend_truth.py channels --photos FOLDER [--layer block7.expand_relu6]
"""

import argparse
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
SEED = 20
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def run(options: argparse.Namespace, *args: str | Path) -> list[dict]:
    """What the program prints, line by line."""
    result = subprocess.run(
        [options.program, *args], stdout=subprocess.PIPE, check=True, text=True
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


def make(options: argparse.Namespace, name: str, *args: str) -> tuple[Path, dict]:
    """A picture and what was said of it, from a former run or a new one."""
    picture, said = options.out / f"{name}.png", options.out / f"{name}.json"
    if not said.exists():
        steps = ["--steps", str(options.steps), "--model", options.model]
        told = run(options, "ascend", *steps, *args, "--to", picture)[0]
        said.write_text(json.dumps(told))
    return picture, json.loads(said.read_text())


def judged(
    options: argparse.Namespace, model: Path, pictures: list[Path]
) -> list[dict]:
    """What a model says of pictures."""
    return run(options, "cam", "--model", model, "--top", "1000", *pictures)


def classes(options: argparse.Namespace) -> None:
    """A line for each method."""
    drawn = random.Random(SEED).sample(range(1000), 64)[: options.count]
    for method in options.methods.split(","):
        pictures = [
            make(
                options, f"{method}-{index}", "--class", str(index), "--method", method
            )[0]
            for index in drawn
        ]
        line = f"{method:8s}"
        for model in (options.model, options.judge):
            first, scores = 0, []
            for index, told in zip(
                drawn, judged(options, model, pictures), strict=True
            ):
                ranked = told["classes"]
                first += ranked[0]["index"] == index
                scores.append(next(c["score"] for c in ranked if c["index"] == index))
            line += f"  {model.name} {first}/{len(drawn)}, score {np.mean(scores):.2f}"
        print(line, flush=True)


def before_clamp(model: Path, layer: str) -> tuple[onnxruntime.InferenceSession, str]:
    """The network up to what the layer's clamp is applied to."""
    network = onnx.load(model / "model.onnx")
    clamp = next(n for n in network.graph.node if layer in n.output[0])
    name = clamp.input[0] if clamp.op_type in ("Clip", "Relu") else clamp.output[0]
    network.graph.output.append(onnx.ValueInfoProto(name=name))
    return onnxruntime.InferenceSession(network.SerializeToString()), name


def photo_means(options: argparse.Namespace) -> np.ndarray:
    """(photos, channels) of all photos, resized as the model wants them."""
    spec = json.loads((options.model / "model.json").read_text())["input"]
    session, name = before_clamp(options.model, options.layer)
    feed = session.get_inputs()[0].name
    means = []
    for file in sorted(options.photos.rglob("*")):
        if file.suffix.lower() not in SUFFIXES:
            continue
        photo = Image.open(file).convert("RGB")
        photo = photo.resize((spec["width"], spec["height"]), Image.BICUBIC)
        samples = np.asarray(photo, np.float32)
        samples = (samples - spec["mean"]) / spec["std"]
        batch = samples.transpose(2, 0, 1)[None].astype(np.float32)
        means.append(session.run([name], {feed: batch})[0][0].mean(axis=(1, 2)))
    return np.array(means)


def channels(options: argparse.Namespace) -> None:
    """A line for each channel."""
    means = photo_means(options)
    drawn = random.Random(SEED).sample(range(means.shape[1]), options.count)
    enough = 0
    for channel in drawn:
        name = f"{options.layer}-{channel}"
        target = ["--layer", options.layer, "--channel", str(channel)]
        told = make(options, name, *target)[1]
        best = means[:, channel].max()
        enough += told["value"] >= 3 * best and told["value"] > 0
        print(
            f"channel {channel:4d}: {told['value']:7.2f}, best of {len(means)} photos {best:6.2f}"
        )
    print(f"at least 3 times the best photo: {enough} of {len(drawn)}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description="Measures the pictures of wherefore ascend."
    )
    parser.add_argument("what", choices=["classes", "channels"])
    parser.add_argument(
        "--model", type=Path, default=ROOT / "models/efficientnet-lite0"
    )
    parser.add_argument(
        "--judge", type=Path, default=ROOT / "models/efficientnet-lite2"
    )
    parser.add_argument("--photos", type=Path, default=ROOT / "static/samples")
    parser.add_argument("--layer", default="block7.expand_relu6")
    parser.add_argument("--methods", default="fourier,maco,pixels")
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--out", type=Path, default=ROOT / "build/ascend")
    parser.add_argument("--program", type=Path, default=ROOT / "build/wherefore")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.what == "classes":
        classes(options)
    else:
        options.count = min(options.count, 10)
        channels(options)


if __name__ == "__main__":
    main()
