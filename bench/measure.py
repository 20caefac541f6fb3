"""Measures the engine and the service, and sets them beside ONNX Runtime.

Prints a table and writes build/bench.json. Nothing here passes or fails: on a
busy machine only the ratios, taken in one run by turns, mean anything.
"""

import argparse
import http.client
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import tempfile
import threading
import time
from io import BytesIO
from pathlib import Path

import numpy
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
STAGES = ROOT / "build/bench/stages"
WHEREFORE = ROOT / "build/wherefore"

STAGE_NAMES = ("decode", "preprocess", "infer", "render")
# Issue 3: what is aimed for.
GOAL_STAGES_MS = 4.0
GOAL_RATIO = 1.1
GOAL_READY_MS = 300.0
GOAL_MEMORY_MB = 120.0

START_TIMEOUT_S = 30
PHOTO_SIZE = (500, 375)


def bench_photo(sample: Path) -> bytes:
    """A JPEG of 500 x 375 pixels, the size of most ImageNet photos."""
    with Image.open(sample) as image:
        image = image.convert("RGB")
        # Cut to 4:3 about the centre, then resize.
        width = min(image.width, image.height * 4 // 3)
        height = width * 3 // 4
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
        file = BytesIO()
        image.resize(PHOTO_SIZE, Image.Resampling.LANCZOS).save(
            file, "JPEG", quality=90
        )
    return file.getvalue()


def measure_stages(model: Path, photo: Path, count: int) -> dict:
    """Medians of the stages of a request, in milliseconds."""
    warm_up = max(5, count // 10)
    output = subprocess.run(
        [STAGES, "requests", model, photo, str(count + warm_up)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    rows = [[float(x) for x in line.split()] for line in output.splitlines()]
    rows = rows[warm_up:]
    medians = {
        name: statistics.median(column)
        for name, column in zip(STAGE_NAMES, zip(*rows, strict=True), strict=True)
    }
    # The median of the sums, not the sum of the medians.
    infer = STAGE_NAMES.index("infer")
    others = [sum(row) - row[infer] for row in rows]
    return {
        "requests": count,
        "median_ms": medians,
        "all_but_infer_ms": statistics.median(others),
        "all_but_infer_least_ms": min(others),
    }


class Engine:
    """Our network in a process of its own."""

    def __init__(
        self,
        model: Path,
        sample: numpy.ndarray,
        folder: Path,
        precision: str = "fp32",
        root: Path | None = None,
    ):
        """`root` is another user land, with the tree in its /src."""
        command: list = [STAGES]
        inside = folder
        if root:
            command = ["unshare", "--mount", "sh", ROOT / "bench/peers/chroot.sh"]
            command += [root, "/src/build/bench/stages"]
            model = Path("/src/models") / model.name
            inside = Path("/") / folder.relative_to(root)
        sample.tofile(folder / "input")
        self.process = subprocess.Popen(
            [*command, "network", model, inside / "input", inside / "logits"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PRECISION": precision},
        )
        if not self.process.stdout.readline():
            raise SystemExit("bench: build/bench/stages failed")
        self.logits = numpy.fromfile(folder / "logits", numpy.float32)

    def run(self, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split()]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=START_TIMEOUT_S)


class Peer:
    """ONNX Runtime on one thread, with all of its optimisations."""

    def __init__(self, model: Path, sample: numpy.ndarray):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = (
            onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        )
        self.session = onnxruntime.InferenceSession(
            model / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        # ONNX wants (batch, channels, height, width).
        planes = numpy.ascontiguousarray(sample.transpose(2, 0, 1)[None])
        self.feed = {self.session.get_inputs()[0].name: planes}
        self.outputs = [self.session.get_outputs()[0].name]
        self.logits = self.session.run(self.outputs, self.feed)[0].ravel()

    def run(self, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        times = []
        for _ in range(count):
            start = time.perf_counter()
            self.session.run(self.outputs, self.feed)
            times.append((time.perf_counter() - start) * 1e3)
        return times


def network_input(model: Path, photo: Path) -> numpy.ndarray:
    """(height, width, 3) floats, as model.json says."""
    spec = json.loads((model / "model.json").read_text(encoding="utf-8"))["input"]
    with Image.open(photo) as image:
        pixels = image.convert("RGB").resize(
            (spec["width"], spec["height"]), Image.Resampling.BICUBIC
        )
    values = (numpy.asarray(pixels, numpy.float32) - spec["mean"]) / spec["std"]
    return numpy.ascontiguousarray(values, numpy.float32)


def measure_network(model: Path, photo: Path, rounds: int, block: int) -> dict:
    """Both runtimes by turns, so that both see the same machine."""
    sample = network_input(model, photo)
    with tempfile.TemporaryDirectory() as folder:
        ours = Engine(model, sample, Path(folder))
    peer = Peer(model, sample)
    ours.run(block)
    peer.run(block)
    ours_ms, peer_ms, ratios = [], [], []
    for number in range(rounds):
        first, second = (ours, peer) if number % 2 == 0 else (peer, ours)
        times = {first: first.run(block), second: second.run(block)}
        ours_ms += times[ours]
        peer_ms += times[peer]
        ratios.append(statistics.median(times[ours]) / statistics.median(times[peer]))
    ours.close()
    return {
        "rounds": rounds,
        "runs_a_round": block,
        "wherefore_ms": statistics.median(ours_ms),
        "onnxruntime_ms": statistics.median(peer_ms),
        "ratio": statistics.median(ours_ms) / statistics.median(peer_ms),
        "ratio_quartiles": statistics.quantiles(ratios, n=4),
        "largest_logit_difference": float(numpy.abs(ours.logits - peer.logits).max()),
    }


def request(port: int, method: str, path: str, body: bytes | None = None) -> int:
    """The status of one request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        headers = {"Content-Type": "image/jpeg"} if body else {}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def wait_ready(port: int, start: float) -> float:
    """Milliseconds from `start` to the first 200 of /readyz."""
    while time.perf_counter() - start < START_TIMEOUT_S:
        try:
            if request(port, "GET", "/readyz") == 200:
                return (time.perf_counter() - start) * 1e3
        except ConnectionError:
            pass
        time.sleep(0.001)
    raise SystemExit("bench: wherefore serve does not get ready")


def resident_mb(pid: int) -> float:
    """VmRSS, in units of 1,000,000 bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def serve_once(model: Path, photo: bytes, requests: int) -> tuple[float, float, float]:
    """Starts the service; returns its time to be ready, and what memory it
    takes before and after requests, two of them at a time."""
    start = time.perf_counter()
    options = {"--listen": "127.0.0.1:0", "--model": model, "--workers": "2"}
    with subprocess.Popen(
        [WHEREFORE, "serve", *(x for option in options.items() for x in option)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            port = int(process.stdout.readline().rsplit(":", 1)[1])
            ready_ms = wait_ready(port, start)
            idle_mb = resident_mb(process.pid)
            statuses: list[int] = []

            def ask() -> None:
                for _ in range(requests // 2):
                    statuses.append(request(port, "POST", "/cam", photo))

            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if statuses != [200] * (requests // 2 * 2):
                raise SystemExit(f"bench: POST /cam answers {set(statuses)}")
            return ready_ms, idle_mb, resident_mb(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=START_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()


def measure_service(model: Path, photo: bytes, starts: int, requests: int) -> dict:
    """Start and memory of the service with two workers."""
    ready, idle, busy = zip(
        *(serve_once(model, photo, requests) for _ in range(starts)), strict=True
    )
    return {
        "starts": starts,
        "requests": requests,
        "ready_ms": statistics.median(ready),
        "idle_mb": statistics.median(idle),
        "busy_mb": statistics.median(busy),
    }


def cpu_name() -> str:
    """What /proc/cpuinfo calls the processor."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*: (.*)", info, re.MULTILINE)
    return found[1] if found else platform.machine()


def row(name: str, value: str, goal: str = "", met: bool | None = None) -> str:
    """A line of the table."""
    verdict = "" if met is None else "met" if met else "MISSED"
    return f"  {name:<34} {value:>10}   {goal:<10} {verdict}".rstrip()


def print_table(result: dict) -> None:
    """All figures, a line each, with what was aimed for."""
    stages, network, service = (
        result["stages"],
        result["network"],
        result["service"],
    )
    print(f"one request, {PHOTO_SIZE[0]} x {PHOTO_SIZE[1]} JPEG, one thread")
    for name in STAGE_NAMES:
        print(row(name, f"{stages['median_ms'][name]:.2f} ms"))
    others = stages["all_but_infer_ms"]
    met = others < GOAL_STAGES_MS
    print(row("all but infer", f"{others:.2f} ms", f"< {GOAL_STAGES_MS:g} ms", met))
    print(row("  least of all requests", f"{stages['all_but_infer_least_ms']:.2f} ms"))
    print("\nthe network alone, fp32, one thread, by turns")
    print(row("wherefore", f"{network['wherefore_ms']:.2f} ms"))
    version = result["machine"]["onnxruntime"]
    print(row(f"ONNX Runtime {version}", f"{network['onnxruntime_ms']:.2f} ms"))
    ratio = network["ratio"]
    print(row("ratio", f"{ratio:.3f}", f"<= {GOAL_RATIO:g}", ratio <= GOAL_RATIO))
    low, middle, high = network["ratio_quartiles"]
    print(row("  median of the rounds", f"{middle:.3f}"))
    print(row("  middle half of them", f"{low:.2f}-{high:.2f}"))
    print(
        row(
            "largest difference of a logit",
            f"{network['largest_logit_difference']:.1e}",
        )
    )
    print("\nthe service, two workers")
    ready, memory = service["ready_ms"], service["busy_mb"]
    print(
        row(
            "exec to 200 on /readyz",
            f"{ready:.0f} ms",
            f"< {GOAL_READY_MS:g} ms",
            ready < GOAL_READY_MS,
        )
    )
    print(row("resident memory, ready", f"{service['idle_mb']:.0f} MB"))
    print(
        row(
            f"resident memory, {service['requests']} requests",
            f"{memory:.0f} MB",
            f"< {GOAL_MEMORY_MB:g} MB",
            memory < GOAL_MEMORY_MB,
        )
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument(
        "--model", type=Path, default=ROOT / "models/efficientnet-lite0"
    )
    parser.add_argument(
        "--sample",
        type=Path,
        default=ROOT / "static/samples/coffee.png",
        help="the photo to make the JPEG from",
    )
    parser.add_argument(
        "--count", type=int, default=200, help="requests for the stages"
    )
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--block", type=int, default=10, help="runs of a round")
    parser.add_argument("--starts", type=int, default=5, help="starts of the service")
    parser.add_argument("--requests", type=int, default=50, help="after each start")
    parser.add_argument("--json", type=Path, default=ROOT / "build/bench.json")
    return parser.parse_args()


def main() -> None:
    """Measures everything, one thing after another."""
    options = arguments()
    photo = bench_photo(options.sample)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.jpg"
        file.write_bytes(photo)
        result = {
            "machine": {
                "cpu": cpu_name(),
                "cores": len(os.sched_getaffinity(0)),
                "onnxruntime": onnxruntime.__version__,
            },
            "load_before": os.getloadavg()[0],
            "photo_bytes": len(photo),
            "stages": measure_stages(options.model, file, options.count),
            "network": measure_network(
                options.model, file, options.rounds, options.block
            ),
            "service": measure_service(
                options.model, photo, options.starts, options.requests
            ),
        }
    print_table(result)
    options.json.parent.mkdir(exist_ok=True)
    options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
