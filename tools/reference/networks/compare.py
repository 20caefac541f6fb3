"""Compares the engine with PyTorch on the networks that export.py wrote.

    compare.py FOLDER [PROGRAM...]

PROGRAM is build/bench/network, of whichever XNNPACK: in a chroot, for one,
`chroot /path /src/build/bench/network`, where FOLDER must have the same name.
Prints a row a file: the head, the largest error of logits, features and maps,
divided by the largest value or 1; runtimes, plain kernels and their share of
the time; loading time and peak memory. "-": there is none. Exits with 1 where
an error is above 1e-3 or a file is refused.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
TOLERANCE = 1e-3


def distance(wanted: np.ndarray, got: np.ndarray) -> float:
    if wanted.shape != got.shape:
        return float("inf")
    return float(np.abs(wanted - got).max() / max(1.0, np.abs(wanted).max()))


def compare(path: Path, program: list[str], scratch: Path) -> bool:
    """Prints a row; returns whether all is well."""
    for part in scratch.iterdir():
        part.unlink()
    result = subprocess.run(
        [*program, str(path), str(scratch)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if result.returncode != 0:
        print(f"| {path.stem} | {result.stderr.strip()} |", flush=True)
        return False
    about = json.loads(result.stdout)
    references = [
        file.name.removesuffix(".logits.npy")
        for file in path.parent.glob("*.logits.npy")
        if path.name.startswith(file.name.removesuffix(".logits.npy") + "-")
    ]
    net = max(references, key=len)
    row, worst = [path.stem, about["xnnpack"], about["head"]], 0.0
    for part in ("logits", "features", "maps"):
        got = scratch / f"{part}.npy"
        if not got.exists():
            row.append("-")
            continue
        off = distance(np.load(path.parent / f"{net}.{part}.npy"), np.load(got))
        worst = max(worst, off)
        row.append(f"{off:.0e}")
    names = Counter(about["kernel_names"])
    kernels = ", ".join(f"{n} {name}" for name, n in names.items()) or "none"
    row += [str(about["runtimes"]), kernels, f"{about['kernel_share']:.1%}"]
    row += [f"{about['load_ms']:.0f}", f"{about['peak_mb']:.0f}"]
    print("| " + " | ".join(row) + " |", flush=True)
    return worst <= TOLERANCE


def main() -> int:
    folder = Path(sys.argv[1]).resolve()
    program = sys.argv[2:] or [str(ROOT / "build/bench/network")]
    print(
        "| file | XNNPACK | head | logits | features | maps | runtimes | "
        "plain kernels | their share | load ms | peak MB |\n" + "| --- " * 11 + "|"
    )
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        fine = [
            compare(path, program, Path(scratch))
            for path in sorted(folder.glob("*.onnx"))
        ]
    print(f"\n{sum(fine)} of {len(fine)} agree")
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
