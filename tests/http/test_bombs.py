"""Small files that stand for much work: they cost little, or are refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx
import pytest
from bombs import (
    BOMBS,
    cpu_seconds,
    jpeg_planes,
    jpeg_scans,
    measure,
    png_black,
    png_filtered,
    turned,
    webp_alpha_groups,
    webp_lossless,
    webp_lossless_groups,
    webp_lossy,
)
from conftest import LARGE, SANITIZED, Server, running
from test_life import wait_for
from test_limits import POST

PNG = {"Content-Type": "image/png"}

# Besides what comes with any picture of those bytes; and of those that are
# answered, or refused for the filters of their last rows, as large as they may
# be. Measured: a seventh of it; the rest is for machines that are slower, or busy.
SECONDS, SECONDS_WITHIN = 0.5, 5
KB, KB_WITHIN = 50_000, 300_000


@pytest.fixture
def worker() -> Iterator[Server]:
    """A new server of one worker, which has seen an ordinary picture."""
    with running("--workers", "1", "--log-format", "none") as server:
        for _ in range(3):
            assert server.cam().status_code == 200
        yield server


@pytest.mark.skipif(SANITIZED, reason="a sanitizer's time and memory are its own")
@LARGE
@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_costs_next_to_nothing(worker: Server, name: str) -> None:
    """Time and memory, whether it is answered or refused."""
    picture = BOMBS[name]()

    answer, cpu, memory = measure(worker, picture)
    print(f"{len(picture)} bytes: {answer.status_code}, {cpu:.3f} s, {memory} KB")

    decoded = name.endswith(("-within", "-late"))
    if name.endswith("-within"):
        assert answer.status_code == 200, answer.text
    assert answer.status_code == 200 or 400 <= answer.status_code < 500
    assert cpu < (SECONDS_WITHIN if decoded else SECONDS)
    # The body itself is there too, and once more while it arrives.
    assert memory < (KB_WITHIN if decoded else KB) + 2 * len(picture) / 1000


@LARGE
def test_scans_are_bounded_by_the_pixels(server: Server) -> None:
    """A progressive JPEG of many scans is one only where it is small."""
    for width, height, scans, status in (
        (8, 8, 100, 200),
        (8, 8, 101, 413),
        (2000, 1500, 38, 200),
        (2000, 1500, 39, 413),
    ):
        answer = server.cam(
            jpeg_scans(width, height, scans), params={"heatmap": "none"}
        )
        assert answer.status_code == status, (width, height, scans, answer.text)


def test_groups_of_codes_are_bounded(server: Server) -> None:
    """A lossless WebP, or alpha, of more of them than an encoder makes."""
    for make in (webp_lossless_groups, webp_alpha_groups):
        for side, status in ((200, 200), (204, 413)):
            answer = server.cam(make(side), params={"heatmap": "none"})
            assert answer.status_code == status, (make, side, answer.text)


@LARGE
def test_no_picture_of_16_megapixels_is_refused_for_what_it_takes(
    server: Server,
) -> None:
    """The costliest kinds, as small as a file of them can be; with a small
    heatmap, and with none."""
    for picture in (
        png_filtered(4096, 4050, 16, 6),
        png_black(4096, 4096, 8, 6),
        webp_lossless(4096, 4096, predicted=True),
        webp_lossy(4096, 4096),
        turned(jpeg_scans(4096, 4096, 18, colors=4)),
        turned(jpeg_planes(4096, 4096)),
    ):
        for options in ({"heatmap_size": "100"}, {"heatmap": "none"}):
            answer = server.cam(picture, params=options)
            assert answer.status_code == 200, answer.text
            assert answer.json()["image"]["width"] == 4096


@LARGE
def test_a_larger_one_may_take_what_its_length_allows(server: Server) -> None:
    """Beyond the 16 megapixels: a limit that can be raised."""
    picture = png_black(8192, 5000, 8, 6)

    answer = server.cam(picture, params={"heatmap": "none"})
    assert answer.status_code == 413
    assert "beyond its first 16 megapixels" in answer.json()["detail"]
    assert answer.json()["limit"] == pytest.approx(
        100_000_000 + 192 * len(picture), rel=0.001
    )
    with running("--max-unpacked-bytes", "250000000") as patient:
        answer = patient.cam(picture, params={"heatmap": "none"})
        assert answer.status_code == 200


@LARGE
def test_who_left_is_not_decoded_for() -> None:
    """Not half the work on a picture that somebody waits for."""
    with running("--workers", "1", "--max-unpacked-bytes", "10000000000") as patient:
        picture = png_filtered(16384, 3000, 16, 6)
        begin = cpu_seconds(patient)
        url = patient.url + "/cam?heatmap=none"
        assert httpx.post(url, content=picture, headers=PNG).status_code == 200
        whole = cpu_seconds(patient) - begin
        with socket.create_connection(patient.address, 60) as s:
            s.sendall(POST % len(picture) + picture)
            wait_for(patient, "wherefore_busy_workers", 1)
        assert patient.cam(params={"heatmap": "none"}).status_code == 200
        assert cpu_seconds(patient) - begin < 1.5 * whole


@LARGE
def test_a_large_black_picture_is_a_picture(server: Server) -> None:
    """Few bytes for many pixels are no reason to refuse it."""
    answer = server.cam(png_black(8000, 6000, 1), params={"heatmap": "none"})

    assert answer.status_code == 200
    assert answer.json()["image"] == {"width": 8000, "height": 6000, "format": "png"}
