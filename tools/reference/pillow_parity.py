"""Writes what Pillow and PyTorch make of the sample photos.

    python tools/reference/pillow_parity.py [--wheel FILE]

Into tests/data/photos:

    photos.txt        a line a photo, fields between tabs: file in
                      static/samples, width, height, the five best classes,
                      and x, y, width, height of the best one's box
    NAME.logits.npy   (1000) float32, EfficientNet-Lite0 end to end
    NAME.map.npy      (7, 7) float32, class activation map of the best class
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import oracle

SAMPLES = ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg"]
MODEL = "efficientnet-lite0"


def main() -> None:
    parser = argparse.ArgumentParser(description="Make tests/data/photos.")
    parser.add_argument("--wheel", type=Path, help="the model's wheel")
    options = parser.parse_args()
    folder = oracle.ROOT / "tests" / "data" / "photos"
    folder.mkdir(parents=True, exist_ok=True)

    with oracle.wheel_of(MODEL, options.wheel) as wheel:
        network = oracle.Torch(MODEL, wheel)
    lines = []
    for file in SAMPLES:
        photo = oracle.ROOT / "static" / "samples" / file
        answer = oracle.answer(network, photo)
        top = answer.top(5)
        box = answer.box(top[0])
        assert box is not None, f"{file} has no box"
        name = Path(file).stem
        np.save(folder / f"{name}.logits.npy", answer.logits.astype("<f4"))
        np.save(folder / f"{name}.map.npy", answer.maps[top[0]].astype("<f4"))
        fields = [file, answer.width, answer.height, *top, *box]
        lines.append("\t".join(map(str, fields)) + "\n")
        print(lines[-1], end="")
    (folder / "photos.txt").write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
