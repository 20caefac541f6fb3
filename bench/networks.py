"""Times whole networks beside ONNX Runtime, one thread each, by turns.

Prints a row a network: medians, their ratio, the largest difference of a
logit, runtimes and plain kernels, loading time and peak memory; then the
geometric mean of the ratios. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import network_files
import numpy
import onnxruntime

ROOT = Path(__file__).resolve().parents[1]
NETWORK = ROOT / "build/bench/network"
# Issue 4: what is aimed for.
GOAL_RATIO = 1.1
GOAL_LOAD_MS = 1000.0
TIMEOUT_S = 60


def picture(height: int, width: int) -> numpy.ndarray:
    """What bench/network.c runs on."""
    index = numpy.arange(3 * height * width, dtype=numpy.int64)
    numbers = (index * 2654435761 % 2**32).astype(numpy.float64) / 2**31 - 1
    return numbers.astype(numpy.float32).reshape(1, 3, height, width)


class Ours:
    """The engine in a process of its own."""

    def __init__(self, path: Path):
        with tempfile.TemporaryDirectory() as folder:
            self.process = subprocess.Popen(
                [NETWORK, path, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"bench: build/bench/network {path} failed")
            self.about = json.loads(line)
            self.logits = numpy.load(Path(folder) / "logits.npy")

    def run(self, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split()]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=TIMEOUT_S)


class Peer:
    """ONNX Runtime on one thread, with all of its optimisations."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        given = self.session.get_inputs()[0]
        self.feed = {given.name: picture(*given.shape[2:])}
        self.logits = self.session.run(None, self.feed)[0].ravel()

    def run(self, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.session.run(None, self.feed)
            times.append((time.perf_counter() - start) * 1e3)
        return times


def measure(path: Path, seconds: float) -> dict:
    """Both by turns, a few runs each, for about so long."""
    ours, peer = Ours(path), Peer(path)
    once = statistics.median([*ours.run(3), *peer.run(3)])
    block = max(1, round(50 / once))
    rounds = max(5, round(seconds * 1e3 / (2 * block * once)))
    ours_ms, peer_ms = [], []
    for number in range(rounds):
        for runtime in (ours, peer) if number % 2 == 0 else (peer, ours):
            (ours_ms if runtime is ours else peer_ms).extend(runtime.run(block))
    ours.close()
    largest = max(1.0, float(numpy.abs(peer.logits).max()))
    return {
        "runs": len(ours_ms),
        "wherefore_ms": statistics.median(ours_ms),
        "onnxruntime_ms": statistics.median(peer_ms),
        "ratio": statistics.median(ours_ms) / statistics.median(peer_ms),
        "ratio_of_least": min(ours_ms) / min(peer_ms),
        "logit_error": float(numpy.abs(ours.logits - peer.logits).max()) / largest,
        **ours.about,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run networks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NETWORK")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build/bench/networks",
        help="where the ONNX files are, or are made (default %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, default=10, help="for each network (default 10)"
    )
    options = parser.parse_args()
    results = {}
    print(
        f"{'network':20} {'ours ms':>8} {'peer ms':>8} {'ratio':>6} {'of least':>8} "
        f"{'logits':>7} {'runtimes':>8} {'kernels':>7} {'share':>6} "
        f"{'load ms':>7} {'peak MB':>7}"
    )
    for name in options.names or network_files.NETWORKS:
        path = network_files.make(name, options.folder)
        results[name] = result = measure(path, options.seconds)
        print(
            f"{name:20} {result['wherefore_ms']:8.2f} {result['onnxruntime_ms']:8.2f} "
            f"{result['ratio']:6.3f} {result['ratio_of_least']:8.3f} "
            f"{result['logit_error']:7.0e} {result['runtimes']:8} "
            f"{result['kernels']:7} {result['kernel_share']:6.1%} "
            f"{result['load_ms']:7.0f} {result['peak_mb']:7.0f}",
            flush=True,
        )
    ratio = statistics.geometric_mean(r["ratio"] for r in results.values())
    least = statistics.geometric_mean(r["ratio_of_least"] for r in results.values())
    print(
        f"\ngeometric mean {ratio:.3f} (of the least times {least:.3f}); "
        f"aimed for: at most {GOAL_RATIO:g}, and loading under {GOAL_LOAD_MS:g} ms"
    )
    (ROOT / "build/bench-networks.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
