"""Small files that stand for much work: what a picture costs is bounded by its
pixels and its bytes, or it is refused.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterator

import pytest
from bombs import BOMBS, jpeg_scans, png_black
from conftest import LARGE, MAX_PIXELS_128_MB, SANITIZED, Server, running

# Beyond what an ordinary picture of those pixels costs. Measured: 0.13 s and
# 1 MB at most; the rest is for machines that are slower, or busy.
SECONDS = 0.4
SECONDS_PER_PIXEL = 60e-9  # bilevel PNG: 24
KB = 50_000
BYTES_PER_PIXEL = 10  # docs/operations.md


@pytest.fixture(scope="module")
def worker() -> Iterator[Server]:
    """A server of one worker, which has seen an ordinary picture."""
    with running("--workers", "1", "--log-format", "none") as server:
        for _ in range(3):
            assert server.cam().status_code == 200
        yield server


def cpu_seconds(server: Server) -> float:
    """What all threads have spent."""
    tasks = pathlib.Path(f"/proc/{server.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def peak_kb(server: Server) -> int:
    """The most memory since the last forget_peak."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


def forget_peak(server: Server) -> None:
    """The peak is what it is now."""
    pathlib.Path(f"/proc/{server.pid}/clear_refs").write_text("5")


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's time and memory are its own")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=LARGE if pixels > MAX_PIXELS_128_MB else ())
        for name, (pixels, _) in BOMBS.items()
    ],
)
def test_a_picture_costs_what_its_pixels_and_bytes_allow(
    worker: Server, name: str
) -> None:
    """Time and memory, whether it is answered or refused."""
    pixels, make = BOMBS[name]
    picture = make()
    forget_peak(worker)
    cpu, memory = cpu_seconds(worker), worker.memory_kb()

    answer = worker.cam(picture, params={"heatmap": "none"})
    cpu = cpu_seconds(worker) - cpu
    memory = peak_kb(worker) - memory
    print(f"{len(picture)} bytes: {answer.status_code}, {cpu:.3f} s, {memory} KB")

    assert answer.status_code == 200 or 400 <= answer.status_code < 500
    assert cpu < SECONDS + SECONDS_PER_PIXEL * pixels
    # The body itself is there too, and once more while it arrives.
    bodies = 2 * len(picture) / 1000
    assert memory < KB + bodies + BYTES_PER_PIXEL * pixels / 1000


@LARGE
def test_scans_are_bounded_by_the_pixels(server: Server) -> None:
    """A progressive JPEG of many scans is one only where it is small."""
    for width, height, scans, status in (
        (8, 8, 100, 200),
        (8, 8, 101, 413),
        (4000, 3000, 28, 200),
        (4000, 3000, 29, 413),
    ):
        answer = server.cam(
            jpeg_scans(width, height, scans), params={"heatmap": "none"}
        )
        assert answer.status_code == status, (width, height, scans, answer.text)


@LARGE
def test_a_large_black_picture_is_a_picture(server: Server) -> None:
    """Few bytes for many pixels are no reason to refuse it."""
    answer = server.cam(png_black(8000, 6000), params={"heatmap": "none"})

    assert answer.status_code == 200
    assert answer.json()["image"] == {"width": 8000, "height": 6000, "format": "png"}
