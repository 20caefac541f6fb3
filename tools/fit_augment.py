"""Whether mirror images and crops of the photos help `wherefore fit`.

    build/bench/venv/bin/python tools/fit_augment.py FOLDER... [--photos 3,10] [--splits N]

Each FOLDER has a folder of photos for each class, such as the train/ that fit_sets.py
draws. From each class a few photos are drawn, and scikit-learn fits a head to the
features of EfficientNet-Lite0: those of the photos, with those of their mirror images,
with those of two crops of 85 % of each side, and with all. The table has the mean
accuracy on all other photos, and for each addition the mean gain in points with its
standard error over the splits.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/efficientnet-lite0/model.onnx"
CROP = 0.85
ADDED = {"flips": [1], "crops": [2, 3], "both": [1, 2, 3]}


def views(path: Path) -> Iterator[Image.Image]:
    """The photo, its mirror image, two crops."""
    image = Image.open(path).convert("RGB")
    width, height = image.size
    yield image
    yield ImageOps.mirror(image)
    w, h = int(width * CROP), int(height * CROP)
    yield image.crop((0, 0, w, h))
    yield image.crop((width - w, height - h, width, height))


def features_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of each photo's views, (photos, views, 1280), and the classes."""
    network = onnx.load(MODEL)
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info("features"))
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    found, classes = [], []
    for index, kind in enumerate(sorted(folder.iterdir())):
        for path in sorted(kind.iterdir()):
            row = []
            for view in views(path):
                small = view.resize((224, 224), Image.Resampling.BICUBIC)
                sample = (np.asarray(small, np.float32) - 127) / 128
                feed = {name: sample.transpose(2, 0, 1)[None]}
                row.append(session.run(["features"], feed)[0][0].mean((1, 2)))
            found.append(row)
            classes.append(index)
    return np.array(found), np.array(classes)


def accuracy(features: np.ndarray, classes: np.ndarray, drawn: np.ndarray, also: list[int]) -> float:
    """On the photos that were not drawn."""
    rows = features[drawn][:, [0, *also]]
    x = rows.reshape(-1, rows.shape[2])
    y = np.repeat(classes[drawn], rows.shape[1])
    weights = np.full(len(y), 1 / rows.shape[1])
    model = LogisticRegression(C=1, max_iter=300).fit(x, y, weights)
    rest = np.setdiff1d(np.arange(len(classes)), drawn)
    return float(np.mean(model.predict(features[rest, 0]) == classes[rest]))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--photos", default="3,10")
    parser.add_argument("--splits", type=int, default=20)
    args = parser.parse_args()
    print("| set | photos of each class | alone | flips | crops | both |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for folder in args.folders:
        features, classes = features_of(folder)
        for count in map(int, args.photos.split(",")):
            random = np.random.default_rng(count)
            alone, gains = [], {name: [] for name in ADDED}
            for _ in range(args.splits):
                drawn = np.concatenate(
                    [
                        random.permutation(np.flatnonzero(classes == k))[:count]
                        for k in range(classes.max() + 1)
                    ]
                )
                alone.append(accuracy(features, classes, drawn, []))
                for name, also in ADDED.items():
                    gains[name].append(accuracy(features, classes, drawn, also) - alone[-1])
            cells = [
                f"{100 * np.mean(gain):+.1f} ± {100 * np.std(gain) / len(gain) ** 0.5:.1f}"
                for gain in gains.values()
            ]
            print(f"| {folder} | {count} | {np.mean(alone):.1%} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
