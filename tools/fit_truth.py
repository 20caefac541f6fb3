"""Holds `wherefore fit` to scikit-learn on three sets of pictures (fit_sets.py).

    build/bench/venv/bin/python tools/fit_truth.py [--photos N] [--kinds A,B]

Both fit a head to the features of EfficientNet-Lite0 for train/, and are judged
by val/. scikit-learn's LogisticRegressionCV chooses its strength from as many
numbers, for balanced classes, from features that ONNX Runtime computes and
pictures that Pillow has read and resized. Prints a table for docs/fit.md, and
fails if a set's accuracy is more than half a point below scikit-learn's.

Needs scikit-learn, beside what tests/image/requirements.txt lists.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from fit_sets import KINDS
from PIL import Image
from sklearn.linear_model import LogisticRegressionCV

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/efficientnet-lite0"
SLACK = 0.005


def features_of(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The mean features of a folder of class folders, (photos, 1280), and the classes."""
    network = onnx.load(MODEL / "model.onnx")
    network.graph.output.append(onnx.helper.make_empty_tensor_value_info("features"))
    session = onnxruntime.InferenceSession(
        network.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name
    found, classes = [], []
    for index, kind in enumerate(sorted(folder.iterdir())):
        for path in sorted(kind.iterdir()):
            image = Image.open(path).convert("RGB")
            small = image.resize((224, 224), Image.Resampling.BICUBIC)
            sample = (np.asarray(small, np.float32) - 127) / 128
            feed = {name: sample.transpose(2, 0, 1)[None]}
            found.append(session.run(["features"], feed)[0][0].mean((1, 2)))
            classes.append(index)
    return np.array(found), np.array(classes)


def theirs(folder: Path) -> tuple[float, float, float]:
    """scikit-learn's accuracy, strength and seconds."""
    features, classes = features_of(folder / "train")
    judged, truth = features_of(folder / "val")
    start = time.monotonic()
    model = LogisticRegressionCV(
        Cs=np.logspace(-6, 5, 23),
        cv=5,
        class_weight="balanced",
        max_iter=1000,
        scoring="accuracy",
        n_jobs=2,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(features, classes)
    seconds = time.monotonic() - start
    return float(np.mean(model.predict(judged) == truth)), float(model.C_), seconds


def ours(folder: Path, to: Path) -> dict:
    """What `wherefore fit` prints."""
    command = [ROOT / "build/wherefore", "fit", folder, "--to", to]
    done = subprocess.run(
        [*command, "--base", MODEL, "--json"], capture_output=True, check=True
    )
    return json.loads(done.stdout)


def accuracy_of(result: dict) -> float:
    """Of all photos of val/, also those that are like one of train/."""
    photos = [photo for photo in result["photos"] if photo["fold"] is None]
    return float(np.mean([photo["class"] == photo["predicted"] for photo in photos]))


def main() -> int:
    """Compares them on each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=60, help="of each class")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", type=int, default=1)
    args = parser.parse_args()
    worst = 0.0
    print("| set | photos | here | scikit-learn | seconds, here and there |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for kind in args.kinds.split(","):
        for seed in range(args.seeds):
            with tempfile.TemporaryDirectory() as made:
                folder = Path(made) / kind
                KINDS[kind](folder, args.photos, seed)
                result = ours(folder, Path(made) / "model")
                accuracy, strength, seconds = theirs(folder)
            own = accuracy_of(result)
            worst = max(worst, accuracy - own)
            print(
                f"| {kind} | {len(result['photos'])} | {own:.1%}, C {result['strength']:.2g} "
                f"| {accuracy:.1%}, C {strength:.2g} "
                f"| {result['seconds']['rest']:.1f}, {seconds:.1f} |",
                flush=True,
            )
    return int(worst > SLACK)


if __name__ == "__main__":
    sys.exit(main())
