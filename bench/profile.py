"""Says where a request's time goes: each stage beside the least that this
machine could do it in, and, where perf is installed, the share of each library.

The floor of the network is its multiply-adds at the processor's peak; of the
other stages, the bytes that have to be read and written, at the speed of a copy
in memory. Prints tables, in Markdown with --markdown.
"""

import argparse
import json
import re
import subprocess
import tempfile
from pathlib import Path

from measure import PHOTO_SIZE, ROOT, STAGE_NAMES, STAGES, bench_photo, measure_stages

PEAK = ROOT / "build/bench/peak"
WHEREFORE = ROOT / "build/wherefore"


def multiply_adds(model: Path) -> float:
    """Of one picture, in billions."""
    output = subprocess.run(
        [WHEREFORE, "model", "info", model], check=True, capture_output=True, text=True
    ).stdout
    return float(re.search(r"([\d.]+) billion multiply-adds", output)[1])


def bytes_moved(photo_len: int) -> dict[str, int]:
    """What each stage reads and writes at the least."""
    width, height = PHOTO_SIZE
    pixels, net = 3 * width * height, 3 * 224 * 224
    return {
        "decode": photo_len + pixels,
        "preprocess": pixels + 4 * net,
        "map": 7 * 7 * 1280 * 4,
        "box": width * height,
        "heatmap": 2 * pixels,
    }


def stage_rows(model: Path, photo: Path, count: int) -> list[list[str]]:
    peak = json.loads(subprocess.check_output([PEAK]))
    stages = measure_stages(model, photo, count)["median_ms"]
    moved = bytes_moved(photo.stat().st_size)
    whole = sum(stages.values())
    rows = []
    for name in STAGE_NAMES:
        if name == "infer":
            floor = multiply_adds(model) / peak["gmac_s"] * 1e3
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
    print(
        f"one core: {peak['gmac_s']:.1f} billion multiply-adds and "
        f"{peak['copy_gb_s']:.1f} billion bytes copied a second\n"
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
        head = ["stage", "ms", "share", "floor, ms", "times the floor"]
        rows = stage_rows(options.model, photo, options.requests)
        print_table(head, rows, options.markdown)
        rows = library_rows(
            options.model, photo, options.requests, Path(folder, "perf.data")
        )
        if rows:
            print_table(["share", "library"], rows, options.markdown)


if __name__ == "__main__":
    main()
