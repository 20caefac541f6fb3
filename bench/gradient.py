"""Times the gradient of the input beside the forward run alone and PyTorch's.

One thread each, by turns, the same networks with random weights. PyTorch runs
them as its users do: parameters frozen, BatchNorm in its inference mode behind
each convolution but VGG-16's; "folded" is PyTorch without any BatchNorm, as in
the ONNX file. Times are the processor's, the least of all runs; nothing here
passes or fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import network_files
import numpy
import onnx
from networks import picture

ROOT = Path(__file__).resolve().parents[1]
GRADIENT = ROOT / "build/bench/gradient"
NETWORKS = ("efficientnet-lite0", "mobilenet-v2", "resnet50", "vgg16")
# Issue 17: what is aimed for, of our forward run, of PyTorch's with gradient,
# and of memory.
GOAL_FORWARD = 3.0
GOAL_TORCH = {
    "efficientnet-lite0": 0.4,
    "mobilenet-v2": 0.4,
    "resnet50": 0.8,
    "vgg16": 0.8,
}
GOAL_MB = 70.0
TIMEOUT_S = 60


class Ours:
    """The engine in a process of its own."""

    def __init__(self, path: Path) -> None:
        with tempfile.TemporaryDirectory() as folder:
            self.process = subprocess.Popen(
                [GRADIENT, "times", path, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit(f"bench: build/bench/gradient {path} failed")
            self.steps = json.loads(line)["steps"]
            self.logits = numpy.load(Path(folder) / "logits.npy").ravel()
            found = numpy.load(Path(folder) / "gradient.npy")[0]
            self.gradient = found.transpose(2, 0, 1)

    def run(self, what: str, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        self.process.stdin.write(f"{what} {count}\n")
        self.process.stdin.flush()
        return [float(x) for x in self.process.stdout.readline().split()]

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=TIMEOUT_S)


def torch_steps(path: Path, folded: bool) -> tuple[list, str, str]:
    """The file's nodes as PyTorch's functions: (function, inputs, output)."""
    import torch
    from torch.nn import functional

    graph = onnx.load(path).graph
    tensors = {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }

    def conv(node, attributes) -> Callable:
        top, left, bottom, right = attributes["pads"]
        weights, bias = (tensors[name] for name in node.input[1:])
        same = (top, left) == (bottom, right)
        with_norm = not folded and "vgg" not in path.name
        ones, zeros = torch.ones_like(bias), torch.zeros_like(bias)

        def call(x):
            if not same:
                x = functional.pad(x, (left, right, top, bottom))
            x = functional.conv2d(
                x,
                weights,
                None if with_norm else bias,
                attributes["strides"],
                (top, left) if same else 0,
                1,
                attributes["group"],
            )
            if with_norm:
                x = functional.batch_norm(x, zeros, ones, ones, bias, False, 0, 0)
            return x

        return call

    def max_pool(attributes) -> Callable:
        kernel, stride = attributes["kernel_shape"], attributes["strides"]
        pads, ceil = attributes["pads"][:2], bool(attributes["ceil_mode"])
        return lambda x: functional.max_pool2d(x, kernel, stride, pads, 1, ceil)

    def gemm(node) -> Callable:
        weights, bias = (tensors[name] for name in node.input[1:])
        return lambda x: functional.linear(x, weights, bias)

    makers = {
        "Conv": conv,
        "Relu": lambda node, attributes: lambda x: functional.relu(x, inplace=True),
        "Clip": lambda node, attributes: lambda x: functional.relu6(x, inplace=True),
        "Add": lambda node, attributes: torch.add,
        "MaxPool": lambda node, attributes: max_pool(attributes),
        "GlobalAveragePool": lambda node, attributes: (
            lambda x: functional.adaptive_avg_pool2d(x, 1)
        ),
        "Flatten": lambda node, attributes: lambda x: torch.flatten(x, 1),
        "Gemm": lambda node, attributes: gemm(node),
    }
    steps = []
    for node in graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [name for name in node.input if name not in tensors]
        call = makers[node.op_type](node, attributes)
        steps.append((call, inputs, node.output[0]))
    return steps, graph.input[0].name, graph.output[0].name


class Torch:
    """PyTorch on one thread."""

    def __init__(self, path: Path, folded: bool) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.steps, self.given, self.wanted = torch_steps(path, folded)
        shape = onnx.load(path, load_external_data=False).graph.input[0]
        height, width = (d.dim_value for d in shape.type.tensor_type.shape.dim[2:])
        self.picture = torch.from_numpy(picture(height, width))

    def forward(self, x):
        values = {self.given: x}
        for call, inputs, output in self.steps:
            values[output] = call(*(values[name] for name in inputs))
        return values[self.wanted]

    def gradient(self) -> tuple:
        """The logits, and the gradient of the first."""
        x = self.picture.clone().requires_grad_(True)
        logits = self.forward(x)
        logits[0, 0].backward()
        return logits.detach().numpy().ravel(), x.grad.numpy()[0]

    def run(self, what: str, count: int) -> list[float]:
        """The milliseconds of each of `count` runs."""
        times = []
        for _ in range(count):
            start = time.process_time()
            if what == "gradient":
                self.gradient()
            else:
                with self.torch.inference_mode():
                    self.forward(self.picture)
            times.append((time.process_time() - start) * 1e3)
        return times

    def close(self) -> None:
        """Nothing to do."""


def distance(found: numpy.ndarray, expected: numpy.ndarray) -> float:
    """The largest difference, relative to the largest number."""
    return float(numpy.abs(found - expected).max() / numpy.abs(expected).max())


def measure(path: Path, seconds: float, without_torch: bool) -> dict:
    """All by turns, for about so long."""
    runners: dict = {"ours": Ours(path)}
    result: dict = {"steps": runners["ours"].steps}
    if not without_torch:
        runners["torch"] = Torch(path, folded=False)
        runners["torch_folded"] = Torch(path, folded=True)
        logits, gradient = runners["torch"].gradient()
        result["logits_apart"] = distance(runners["ours"].logits, logits)
        result["gradient_apart"] = distance(runners["ours"].gradient, gradient)
    turns = [(name, what) for name in runners for what in ("forward", "gradient")]
    least = {turn: min(runners[turn[0]].run(turn[1], 2)) for turn in turns}
    once = sum(least.values())
    for number in range(max(4, round(seconds * 1e3 / (2 * once)))):
        for name, what in turns if number % 2 == 0 else turns[::-1]:
            times = runners[name].run(what, 2)
            least[name, what] = min(least[name, what], *times)
    for runner in runners.values():
        runner.close()
    for (name, what), ms in least.items():
        result[f"{name}_{what}_ms"] = ms
    return result


def print_steps(steps: list[dict], count: int) -> None:
    """The slowest steps, and the sum of each kind."""
    kinds: dict = {}
    for step in steps:
        kind = f"{step['runs_in']} {step['op'] if step['runs_in'] == 'kernel' else ''}"
        times, ms = kinds.get(kind, (0, 0.0))
        kinds[kind] = times + 1, ms + step["ms"]
    for kind, (times, ms) in sorted(kinds.items(), key=lambda item: -item[1][1]):
        print(f"    {ms:8.2f} ms in {times:3} steps: {kind}")
    for step in sorted(steps, key=lambda step: -step["ms"])[:count]:
        print(
            f"    {step['ms']:8.2f} ms {step['runs_in']}: {step['op']}"
            f" ({step['nodes']} nodes), {step['shape']}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run gradient", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NETWORK")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "build/bench/networks",
        help="where the ONNX files are, or are made (default %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="for each network (default 20)"
    )
    parser.add_argument("--steps", type=int, help="print so many of the slowest steps")
    parser.add_argument("--no-torch", action="store_true")
    parser.add_argument("--memory", action="store_true", help="print resident memory")
    options = parser.parse_args()
    results = {}
    print(
        f"{'network':20} {'forward':>8} {'+ grad':>8} {'ratio':>6} "
        f"{'torch':>8} {'+ grad':>8} {'folded':>8} {'ratio':>6} {'folded':>6} "
        f"{'goals':>9} {'apart':>7}"
    )
    for name in options.names or NETWORKS:
        path = network_files.make(name, options.folder)
        result = measure(path, options.seconds, options.no_torch)
        ours = result["ours_gradient_ms"]
        line = f"{name:20} {result['ours_forward_ms']:8.2f} {ours:8.2f} "
        line += f"{ours / result['ours_forward_ms']:6.2f} "
        if not options.no_torch:
            torch, folded = result["torch_gradient_ms"], result["torch_folded_gradient_ms"]
            line += f"{result['torch_forward_ms']:8.2f} {torch:8.2f} {folded:8.2f} "
            line += f"{ours / torch:6.2f} {ours / folded:6.2f} "
            line += f"{GOAL_FORWARD:4.1f} {GOAL_TORCH.get(name, 0):4.1f} "
            line += f"{result['gradient_apart']:7.0e}"
        print(line, flush=True)
        if options.steps is not None:
            print_steps(result["steps"], options.steps)
        if options.memory:
            output = subprocess.check_output([GRADIENT, "memory", path], text=True)
            result["memory"] = memory = json.loads(output)
            more = memory["all_mb"] - memory["forward_mb"]
            opened = memory["opened_mb"] - memory["forward_mb"]
            print(
                f"    two sessions: {memory['forward_mb']:.0f} MB; gradients add "
                f"{more:.0f} MB (at most {GOAL_MB:.0f} is aimed for), "
                f"{opened:.0f} of them before there are sessions"
            )
        results[name] = result
    (ROOT / "build/bench-gradient.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
