"""Holds a running server against Pillow and PyTorch, photo by photo.

    python tools/reference/compare_service.py http://127.0.0.1:8080 PHOTOS \\
        [--truth truth.csv] [--count 50] [--onnx models/NAME/model.onnx]

Posts up to --count photos of a folder and compares first class, logits, box
and the identity mean(map) + bias = logit, and counts the forward passes in
/metrics. Nobody else may use the server meanwhile. With a truth.csv (columns
file and imagenet_index or imagenet_ids, several between semicolons) it says
how often the first class was right, too.

Exit status: 0 all within the bounds, 1 not.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import oracle

MAX_LOGIT_DIFFERENCE = 0.05
MAX_BOX_DIFFERENCE = 2  # pixels, of a corner
MAX_IDENTITY_ERROR = 1e-3
PASSES = "wherefore_forward_passes_total"
TYPES = {".png": "image/png", ".webp": "image/webp"}


def fetch(url: str, body: bytes | None = None, media: str = "") -> bytes:
    headers = {"Content-Type": media} if body is not None else {}
    request = urllib.request.Request(url, body, headers)
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.read()


def forward_passes(server: str) -> int:
    text = fetch(f"{server}/metrics").decode()
    rows = [line for line in text.splitlines() if line.startswith(PASSES)]
    if not rows:
        raise SystemExit(f"/metrics has no {PASSES}")
    return int(sum(float(row.rsplit(None, 1)[1]) for row in rows))


def corners(box: oracle.Box) -> np.ndarray:
    x, y, width, height = box
    return np.array([x, y, x + width, y + height])


@dataclass
class Findings:
    photos: int = 0
    right: int = 0
    other_class: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    logits: list[float] = field(default_factory=list)
    boxes: list[float] = field(default_factory=list)
    identity: list[float] = field(default_factory=list)


def compare(
    findings: Findings, name: str, reply: dict, expected: oracle.Answer
) -> None:
    """Adds one photo's findings."""
    best = expected.top(1)[0]
    size = (reply["image"]["width"], reply["image"]["height"])
    if size != (expected.width, expected.height):
        findings.failures.append(f"{name}: the picture is {size}")
    if len(reply["classes"]) != len(expected.logits):
        findings.failures.append(
            f"{name}: {len(reply['classes'])} classes, expected {len(expected.logits)}"
        )
        return
    logits = np.full(len(expected.logits), np.nan)
    for entry in reply["classes"]:
        logits[entry["index"]] = entry["logit"]
    difference = np.abs(logits - expected.logits).max()
    findings.logits.append(float(difference))
    if not difference <= MAX_LOGIT_DIFFERENCE:
        findings.failures.append(f"{name}: logits differ by {difference:.3g}")

    first = reply["classes"][0]["index"]
    if first != best:
        findings.other_class.append(name)
        findings.failures.append(
            f"{name}: first class {first}, expected {best} "
            f"(logits {expected.logits[first]:.4f} and "
            f"{expected.logits[best]:.4f})"
        )
    identity = abs(reply["map"]["mean_plus_bias"] - logits[reply["class"]])
    findings.identity.append(float(identity))
    if not identity < MAX_IDENTITY_ERROR:
        findings.failures.append(f"{name}: mean + bias is off by {identity:.3g}")

    box, wanted = reply["box"], expected.box(reply["class"])
    if box is None or wanted is None:
        if (box is None) != (wanted is None):
            findings.failures.append(f"{name}: box {box}, expected {wanted}")
        return
    found = corners((box["x"], box["y"], box["width"], box["height"]))
    distance = float(np.abs(found - corners(wanted)).max())
    findings.boxes.append(distance)
    if distance > MAX_BOX_DIFFERENCE:
        findings.failures.append(f"{name}: box {box}, expected {wanted}")


def read_truth(path: Path | None) -> dict[str, set[int]]:
    if path is None:
        return {}
    truth: dict[str, set[int]] = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ids = row.get("imagenet_index") or row["imagenet_ids"]
            truth.setdefault(row["file"], set()).update(map(int, ids.split(";")))
    return truth


def photos_in(folder: Path, count: int) -> list[Path]:
    kinds = {".jpg", ".jpeg", *TYPES}
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in kinds)[:count]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Compare a running server with Pillow and PyTorch."
    )
    parser.add_argument("server", help="such as http://127.0.0.1:8080")
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--truth", type=Path, help="a truth.csv")
    parser.add_argument("--count", type=int, default=50, help="photos at most")
    parser.add_argument("--model", default="efficientnet-lite0")
    parser.add_argument("--wheel", type=Path, help="the model's wheel")
    parser.add_argument(
        "--onnx", type=Path, help="use ONNX Runtime on this model, not PyTorch"
    )
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.onnx:
        network: oracle.Network = oracle.OnnxRuntime(options.onnx)
    else:
        with oracle.wheel_of(options.model, options.wheel) as wheel:
            network = oracle.Torch(options.model, wheel)
    server = options.server.rstrip("/")
    url = f"{server}/cam?top=1000&heatmap=none"
    truth = read_truth(options.truth)
    findings = Findings()
    judged = 0
    for photo in photos_in(options.photos, options.count):
        body = photo.read_bytes()
        media = TYPES.get(photo.suffix.lower(), "image/jpeg")
        before = forward_passes(server)
        findings.photos += 1
        try:
            reply = json.loads(fetch(url, body, media))
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            findings.failures.append(f"{photo.name}: {error.code} {text}")
            continue
        passes = forward_passes(server) - before
        if passes != 1:
            findings.failures.append(f"{photo.name}: {passes} forward passes")
        compare(findings, photo.name, reply, oracle.answer(network, io.BytesIO(body)))
        if photo.name in truth:
            judged += 1
            findings.right += reply["class"] in truth[photo.name]

    for failure in findings.failures:
        print(f"  {failure}")
    print(f"photos compared            {findings.photos}")
    print(f"another first class        {len(findings.other_class)}")
    for text, values, bound in (
        ("largest logit difference", findings.logits, MAX_LOGIT_DIFFERENCE),
        ("largest corner difference", findings.boxes, MAX_BOX_DIFFERENCE),
        ("largest |mean+bias-logit|", findings.identity, MAX_IDENTITY_ERROR),
    ):
        print(f"{text:26} {max(values, default=0):.3g} (at most {bound})")
    if judged:
        print(f"first class right          {findings.right} of {judged}")
    passed = findings.photos > 0 and not findings.failures
    print("PASS" if passed else "FAIL")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
