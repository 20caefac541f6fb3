"""Times whole networks beside ONNX Runtime, one thread each, by turns.

Prints the processor and its caches; a row a network: the least time of each and
the ratio, the medians and theirs, the largest difference of a logit, runtimes
and plain kernels, loading time and peak memory, and any plain kernel that takes
more than a twentieth of a run; then the geometric mean of the ratios. With
--int8, also 8-bit integers beside both: how many layers compute in them, their
ratio to ONNX Runtime's floats and to ours, how far logits are from ours with
floats (root mean square, of their deviation), and whether the best class is the
same. Times are of the computing thread on its processor. Nothing here passes or
fails.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
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
# What is aimed for: of each network, and of their geometric mean.
GOAL_RATIO, GOAL_MEAN, GOAL_INT8 = 1.0, 0.85, 0.50
LARGE_SHARE = 0.05  # of a run
TIMEOUT_S = 60


def processor() -> str:
    """Its name and caches, as Linux has them."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    about = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    caches = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (
            (cache / name).read_text(encoding="utf-8").strip()
            for name in ("level", "type", "size")
        )
        if kind != "Instruction":
            caches.append(f"L{level} {size}")
    return f"{about.get('model name', platform.machine())}; {', '.join(caches)}"


def picture(height: int, width: int) -> numpy.ndarray:
    """What bench/network.c runs on."""
    index = numpy.arange(3 * height * width, dtype=numpy.int64)
    numbers = (index * 2654435761 % 2**32).astype(numpy.float64) / 2**31 - 1
    return numbers.astype(numpy.float32).reshape(1, 3, height, width)


class Ours:
    """The engine in a process of its own."""

    def __init__(self, path: Path, *options: str):
        with tempfile.TemporaryDirectory() as folder:
            self.process = subprocess.Popen(
                [NETWORK, *options, path, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"bench: {NETWORK} {path} failed")
            self.about = json.loads(line)
            self.logits = numpy.load(Path(folder) / "logits.npy").ravel()

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
            start = time.thread_time()
            self.session.run(None, self.feed)
            times.append((time.thread_time() - start) * 1e3)
        return times


def about_int8(integers: Ours, times: list[float], floats: Ours, peer_ms: float) -> dict:
    """What --int8 adds to a result."""
    apart = numpy.sqrt(numpy.mean((integers.logits - floats.logits) ** 2))
    return {
        "layers": integers.about["int8"],
        "ms": min(times),
        "median_ms": statistics.median(times),
        "ratio": min(times) / peer_ms,
        "error": float(apart / floats.logits.std()),
        "same_class": bool(integers.logits.argmax() == floats.logits.argmax()),
    }


def measure(path: Path, seconds: float, int8: bool) -> dict:
    """All by turns, a few runs each, for about so long."""
    ours, peer = Ours(path), Peer(path)
    runtimes = [ours, peer, *([Ours(path, "--int8")] if int8 else [])]
    once = statistics.median([*ours.run(3), *peer.run(3)])
    block = max(1, round(50 / once))
    rounds = max(5, round(seconds * 1e3 / (2 * block * once)))
    times: list[list[float]] = [[] for _ in runtimes]
    for number in range(rounds):
        turns = list(zip(runtimes, times, strict=True))
        for runtime, ms in turns if number % 2 == 0 else reversed(turns):
            ms.extend(runtime.run(block))
    for runtime in runtimes:
        if runtime is not peer:
            runtime.close()
    ours_ms, peer_ms = times[:2]
    more = {}
    if int8:
        more["with_int8"] = about_int8(runtimes[2], times[2], ours, min(peer_ms))
    largest = max(1.0, float(numpy.abs(peer.logits).max()))
    return {
        "runs": len(ours_ms),
        "wherefore_ms": min(ours_ms),
        "onnxruntime_ms": min(peer_ms),
        "ratio": min(ours_ms) / min(peer_ms),
        "wherefore_median_ms": statistics.median(ours_ms),
        "onnxruntime_median_ms": statistics.median(peer_ms),
        "ratio_of_medians": statistics.median(ours_ms) / statistics.median(peer_ms),
        "logit_error": float(numpy.abs(ours.logits - peer.logits).max()) / largest,
        **ours.about,
        **more,
    }


def row(name: str, result: dict) -> str:
    """A line of the table."""
    large = [
        f"{op} {share:.0%}"
        for op, share in result["kernel_shares"].items()
        if share > LARGE_SHARE
    ]
    integers = ""
    if "with_int8" in result:
        int8 = result["with_int8"]
        integers = (
            f"{int8['layers']:6} {int8['ms']:8.2f} {int8['ratio']:6.3f} "
            f"{int8['ms'] / result['wherefore_ms']:6.3f} {int8['error']:6.3f} "
            f"{'yes' if int8['same_class'] else 'no':>5} "
        )
    return (
        f"{name:20} {result['wherefore_ms']:8.2f} {result['onnxruntime_ms']:8.2f} "
        f"{result['ratio']:6.3f} {result['wherefore_median_ms']:8.2f} "
        f"{result['onnxruntime_median_ms']:8.2f} {result['ratio_of_medians']:6.3f} "
        f"{result['logit_error']:7.0e} {result['runtimes']:8} {result['kernels']:7} "
        f"{result['load_ms']:7.0f} {result['peak_mb']:7.0f} {integers}{', '.join(large)}"
    ).rstrip()


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
    parser.add_argument("--int8", action="store_true", help="8-bit integers, too")
    options = parser.parse_args()
    print(processor())
    print(
        f"{'network':20} {'ours ms':>8} {'peer ms':>8} {'ratio':>6} "
        f"{'median':>8} {'median':>8} {'ratio':>6} {'logits':>7} "
        f"{'runtimes':>8} {'kernels':>7} {'load ms':>7} {'peak MB':>7}"
        + (
            f" {'layers':>6} {'int8 ms':>8} {'ratio':>6} {'to us':>6} {'error':>6} {'class':>5}"
            if options.int8
            else ""
        )
    )
    results = {}
    for name in options.names or network_files.NAMES:
        path = network_files.make(name, options.folder)
        results[name] = measure(path, options.seconds, options.int8)
        print(row(name, results[name]), flush=True)
    means = [
        statistics.geometric_mean(result[ratio] for result in results.values())
        for ratio in ("ratio", "ratio_of_medians")
    ]
    print(
        f"\ngeometric mean {means[0]:.3f} (of the medians {means[1]:.3f}); aimed for: "
        f"at most {GOAL_MEAN:g}, and at most {GOAL_RATIO:g} for each network"
    )
    if options.int8:
        mean = statistics.geometric_mean(
            result["with_int8"]["ratio"] for result in results.values()
        )
        print(f"in 8-bit integers {mean:.3f}; aimed for: at most {GOAL_INT8:g}")
    (ROOT / "build/bench-networks.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
