"""Says where a request's time goes: each stage beside the least that this
machine could do it in, and, where perf is installed, the share of each library.

The floor of the network, of its depthwise convolutions and of the rest is their
multiply-adds at the processor's peak; of the other stages, the bytes that have
to be read and written, at the speed of a copy in memory. Prints tables, in
Markdown with --markdown.
"""

import argparse
import json
import math
import re
import subprocess
import tempfile
from pathlib import Path

import onnx
from measure import PHOTO_SIZE, ROOT, STAGE_NAMES, STAGES, bench_photo, measure_stages

PEAK = ROOT / "build/bench/peak"
WHEREFORE = ROOT / "build/wherefore"


def describe(model: Path) -> dict:
    """What `wherefore model info` says, steps and their times included."""
    return json.loads(
        subprocess.check_output([WHEREFORE, "model", "info", "--json", "--runs=100", model])
    )


def bytes_moved(photo_len: int, about: dict) -> dict[str, int]:
    """What each stage reads and writes at the least."""
    width, height = PHOTO_SIZE
    pixels, cells = 3 * width * height, about["map"]
    net = math.prod(int(side) for side in about["inputs"][0]["shape"].split(" x "))
    return {
        "decode": photo_len + pixels,
        "preprocess": pixels + 4 * net,
        "render": 4 * cells["width"] * cells["height"] * cells["features"]
        + width * height
        + 2 * pixels,
    }


def depthwise_macs(model: Path) -> int:
    """The multiply-adds of depthwise convolutions."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(model / "model.onnx")).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in [*graph.value_info, *graph.output]
    }
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    return sum(
        math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][2:])
        for node in graph.node
        if node.op_type == "Conv" and weights[node.input[1]][1] == 1
    )


def network_rows(model: Path, about: dict, peak: dict) -> list[list[str]]:
    """The network by what runs it."""
    depthwise = depthwise_macs(model)
    macs = {"depthwise": depthwise, "xnnpack": about["macs"] - depthwise}
    whole = sum(step["ms"] for step in about["steps"])
    rows = []
    for runner, count in macs.items():
        steps = [step["ms"] for step in about["steps"] if step["runs_in"] == runner]
        floor = count / 1e9 / peak["gmac_s"] * 1e3
        if steps:
            rows.append(
                [
                    runner,
                    f"{sum(steps):.2f}",
                    f"{sum(steps) / whole:.0%}",
                    f"{count / about['macs']:.0%}",
                    f"{floor:.2f}",
                    f"{sum(steps) / floor:.1f}",
                ]
            )
    return rows


def stage_rows(
    model: Path, photo: Path, count: int, about: dict, peak: dict
) -> list[list[str]]:
    """Each stage of a request."""
    stages = measure_stages(model, photo, count)["median_ms"]
    moved = bytes_moved(photo.stat().st_size, about)
    whole = sum(stages.values())
    rows = []
    for name in STAGE_NAMES:
        if name == "infer":
            floor = about["macs"] / 1e9 / peak["gmac_s"] * 1e3
        else:
            floor = moved[name] / (peak["copy_gb_s"] * 1e9) * 1e3
        rows.append(
            [
                name,
                f"{stages[name]:.3f}",
                f"{stages[name] / whole:.1%}",
                f"{floor:.3f}",
                f"{stages[name] / floor:.1f}",
            ]
        )
    return rows


def library_rows(model: Path, photo: Path, count: int, data: Path) -> list[list[str]]:
    """Shares of the processor's time; nothing where there is no perf."""
    command = ["perf", "record", "-q", "-o", data, "--"]
    command += [STAGES, "requests", model, photo, str(count)]
    try:
        subprocess.run(command, check=True, capture_output=True)
        report = subprocess.run(
            ["perf", "report", "-i", data, "--sort", "dso", "--stdio"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    return [list(m) for m in re.findall(r"^\s+([\d.]+%)\s+(\S+)", report, re.MULTILINE)]


def print_table(head: list[str], rows: list[list[str]], markdown: bool) -> None:
    if markdown:
        for row in [head, ["---"] * len(head), *rows]:
            print(f"| {' | '.join(row)} |")
    else:
        for row in [head, *rows]:
            print("  ".join(f"{text:>14}" for text in row))
    print()


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench/run profile", description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models/efficientnet-lite0")
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        photo.write_bytes(bench_photo(ROOT / "static/samples/coffee.png"))
        peak = json.loads(subprocess.check_output([PEAK]))
        about = describe(options.model)
        print(
            f"one core: {peak['gmac_s']:.1f} billion multiply-adds and "
            f"{peak['copy_gb_s']:.1f} billion bytes copied a second\n"
        )
        head = ["stage", "ms", "share", "floor, ms", "times the floor"]
        rows = stage_rows(options.model, photo, options.requests, about, peak)
        print_table(head, rows, options.markdown)
        head = ["network", "ms", "share", "of the arithmetic", *head[3:]]
        print_table(head, network_rows(options.model, about, peak), options.markdown)
        rows = library_rows(
            options.model, photo, options.requests, Path(folder, "perf.data")
        )
        if rows:
            print_table(["share", "library"], rows, options.markdown)


if __name__ == "__main__":
    main()
