#!/usr/bin/env python3
"""Ask a service about photos by every method, and see whether the maps depend on
the last layer.

    bench/sanity.py [--model DIR] [--count N] [--methods a,b] PHOTO|FOLDER ...

The service has two models: DIR, and a copy of it whose last layer's weights are
shuffled. For each photo and method the map of DIR's best class is asked from
both. Printed are, for each method, how many answers failed, the median of
Spearman's rank correlation between the two maps (Adebayo et al., Sanity Checks
for Saliency Maps, 2018, arXiv 1810.03292: a map that hardly changes does not show
what the class is decided by), the passes, the median time and the worst checks.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import httpx
import numpy as np
import onnx
from onnx import numpy_helper

ROOT = Path(__file__).resolve().parent.parent
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


def shuffle_last_layer(folder: Path) -> None:
    """Permute the weights of the last node that has any, with a fixed seed."""
    path = folder / "model.onnx"
    model = onnx.load(path)
    constants = {i.name: i for i in model.graph.initializer}
    for node in reversed(model.graph.node):
        large = [n for n in node.input if n in constants and len(constants[n].dims) > 1]
        if large and node.op_type in ("Gemm", "MatMul", "Conv"):
            weights = numpy_helper.to_array(constants[large[0]])
            mixed = np.random.default_rng(1).permutation(weights.ravel())
            changed = numpy_helper.from_array(mixed.reshape(weights.shape), large[0])
            constants[large[0]].CopyFrom(changed)
            break
    onnx.save(model, path)
    described = folder / "model.json"
    if described.exists():
        # The checksum is of the other file.
        text = described.read_text().replace("sha256", "sha256_before")
        described.write_text(text.replace('"name": "', '"name": "shuffled-', 1))


def ranks(values: np.ndarray) -> np.ndarray:
    """The ranks; equal values have the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[where]


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's; 0 where one of the maps is flat."""
    a, b = ranks(a), ranks(b)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def values(answer: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(answer["map"]["values"]), "<f4")


class Tally:
    """What one method did."""

    def __init__(self) -> None:
        self.failures: list[str] = []
        self.correlations: list[float] = []
        self.times: list[float] = []
        self.passes = 0
        self.worst: dict[str, float] = defaultdict(float)

    def line(self, name: str) -> str:
        def middle(numbers: list[float]) -> float:
            return statistics.median(numbers) if numbers else float("nan")

        checks = ", ".join(f"{k} {v:.1e}" for k, v in self.worst.items())
        return (
            f"{name:22} {len(self.failures):4} {middle(self.correlations):7.3f} "
            f"{self.passes:6} {middle(self.times):8.0f}  {checks}"
        )


def ask(client: httpx.Client, photo: bytes, **options: str | int) -> dict:
    response = client.post(
        "/cam", params={"heatmap": "none", **options}, files={"image": photo}
    )
    if response.status_code != 200:
        raise RuntimeError(f"{response.status_code}: {response.json()['detail']}")
    return response.json()


def look(client: httpx.Client, photo: Path, method: str, tally: Tally, names: list[str]) -> None:
    picture = photo.read_bytes()
    best = ask(client, picture, top=1)["class"]
    options = {"method": method, "class": best, "values": "f32"}
    try:
        start = time.monotonic()
        own = ask(client, picture, model=names[0], **options)
        tally.times.append(1000 * (time.monotonic() - start))
        other = ask(client, picture, model=names[1], **options)
    except (RuntimeError, httpx.HTTPError) as error:
        tally.failures.append(f"{photo.name}: {error}")
        return
    tally.passes = own["explanation"]["passes"]
    tally.correlations.append(correlation(values(own), values(other)))
    for check in own["explanation"]["checks"]:
        scale = max(1.0, abs(check["expected"]))
        apart = abs(check["difference"]) / scale
        tally.worst[check["name"]] = max(tally.worst[check["name"]], apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=ROOT / "models/efficientnet-lite0")
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--methods", default="")
    parser.add_argument("photos", nargs="+", type=Path)
    args = parser.parse_args()
    photos = [
        p for given in args.photos for p in (sorted(given.iterdir()) if given.is_dir() else [given])
    ]
    photos = [p for p in photos if p.suffix.lower() in KINDS][: args.count]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as scratch:
        shuffled = Path(scratch) / ("shuffled-" + args.model.name)
        shutil.copytree(args.model, shuffled)
        shuffle_last_layer(shuffled)
        command = [ROOT / "build/wherefore", "serve", "--listen", f"127.0.0.1:{port}"]
        command += ["--model", args.model, "--model", shuffled]
        command += ["--log-format", "none", "--deadline-ms", "600000", "--max-passes", "100000"]
        with subprocess.Popen(command) as server:
            try:
                report(port, photos, args.methods)
            finally:
                server.terminate()


def report(port: int, photos: list[Path], wanted: str) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
        for _ in range(200):
            try:
                if client.get("/readyz").status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.1)
        names = [m["name"] for m in client.get("/models").json()["models"]]
        methods = wanted.split(",") if wanted else []
        methods = methods or [m["name"] for m in client.get("/methods").json()["methods"]]
        print(f"{len(photos)} photos, {names[0]}")
        print(f"{'method':22} fail    rank passes       ms  worst checks")
        for method in methods:
            tally = Tally()
            for photo in photos:
                look(client, photo, method, tally, names)
            print(tally.line(method), flush=True)
            for failure in tally.failures[:3]:
                print("   ", failure)


if __name__ == "__main__":
    main()
