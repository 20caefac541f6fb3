"""What the Python services share: a photo's bytes to the network's input, and
logits and features to the answer of wherefore's POST /cam. Written for speed:
OpenCV and numpy only, one map a request, the cheapest PNG, orjson."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import cv2
import numpy as np
import orjson

MODEL = Path(os.environ["BENCH_MODEL"])  # a model's folder
TOP = 5
THRESHOLD = 0.2  # of the map's maximum: Zhou et al. 2016, section 3.2
LABELS = [
    line.split("\t")[-1]
    for line in (MODEL / "labels.txt").read_text(encoding="utf-8").splitlines()
]

# What took the least time of OpenCV's and Pillow's ways to write such a PNG, less
# than half of level 1's alone, and no more bytes.
PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
]

# Two cores and two workers: a pool of threads within OpenCV only gets in the way.
cv2.setNumThreads(1)


def decode(body: bytes) -> np.ndarray:
    """(height, width, 3) BGR, upright by EXIF orientation."""
    photo = cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR)
    if photo is None:
        raise ValueError("not a picture")
    return photo


def network_input(photo: np.ndarray, side: int) -> np.ndarray:
    """(1, 3, side, side), as model.json wants it."""
    small = cv2.resize(photo, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.dnn.blobFromImage(small, 1 / 128, mean=(127, 127, 127), swapRB=True)


def fit(photo: np.ndarray, longest: int | None) -> np.ndarray:
    """The photo as the overlay shows it, at most `longest` a side."""
    height, width = photo.shape[:2]
    if not longest or max(height, width) <= longest:
        return photo
    scale = longest / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)


def box_of(large: np.ndarray) -> dict | None:
    """The largest 8-connected component above a fifth of the maximum."""
    peak = float(large.max())
    if peak <= 0:
        return None
    mask = cv2.compare(large, THRESHOLD * peak, cv2.CMP_GT)
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    if count < 2:
        return None
    best = stats[1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())]
    x, y, width, height = (int(value) for value in best[:4])
    return {"x": x, "y": y, "width": width, "height": height}


def overlay_png(photo: np.ndarray, large: np.ndarray) -> bytes:
    """The map's colours over the photo, half and half."""
    peak = max(float(large.max()), 1e-12)
    levels = cv2.convertScaleAbs(np.maximum(large, 0), alpha=255 / peak)
    mixed = cv2.addWeighted(photo, 0.5, cv2.applyColorMap(levels, cv2.COLORMAP_JET), 0.5, 0)
    return cv2.imencode(".png", mixed, PNG)[1].tobytes()


def render(photo: np.ndarray, cam: np.ndarray, longest: int | None) -> dict:
    """Box and overlay of a map, (height, width)."""
    height, width = photo.shape[:2]
    large = cv2.resize(cam, (width, height), interpolation=cv2.INTER_LINEAR)
    shown = fit(photo, longest)
    if shown is photo:
        drawn = large
    else:
        size = (shown.shape[1], shown.shape[0])
        drawn = cv2.resize(cam, size, interpolation=cv2.INTER_LINEAR)
    return {
        "image": {"width": width, "height": height},
        "box": box_of(large),
        "heatmap": base64.b64encode(overlay_png(shown, drawn)).decode("ascii"),
    }


def classes(logits: np.ndarray) -> list[dict]:
    """The best ones, best first."""
    best = np.argpartition(logits, -TOP)[-TOP:]
    best = best[np.argsort(-logits[best])]
    exps = np.exp(logits - logits.max())
    scores = exps / exps.sum()
    return [
        {
            "index": int(index),
            "label": LABELS[index],
            "score": float(scores[index]),
            "logit": float(logits[index]),
        }
        for index in best
    ]


def answer(
    photo: np.ndarray,
    logits: np.ndarray,
    features: np.ndarray,
    weights: np.ndarray,
    longest: int | None,
) -> bytes:
    """The answer as JSON. features (channels, rows, columns), weights
    (classes, channels)."""
    found = classes(logits)
    best = found[0]["index"]
    channels, rows, columns = features.shape
    cam = weights[best] @ features.reshape(channels, rows * columns)
    cam = cam.reshape(rows, columns)
    return orjson.dumps(
        {
            "classes": found,
            "class": best,
            "map": {
                "width": columns,
                "height": rows,
                "min": float(cam.min()),
                "max": float(cam.max()),
            },
            **render(photo, cam, longest),
        }
    )
