"""Memory is given back when there is nothing to do, and what does not fit into the
limit of memory is refused.
"""

from __future__ import annotations

import pathlib
import re
import time

import pytest
from conftest import LARGE, SANITIZED, Server, at_once, png, running, sample

pytestmark = pytest.mark.skipif(
    SANITIZED, reason="a sanitizer brings its own malloc, which keeps what is freed"
)

MEGABYTE = 1_000_000
GRADIENTS = ("saliency", "guided")


def highest(server: Server) -> int:
    """The most bytes that were resident at a time."""
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024


def wait_below(server: Server, kilobytes: float) -> int:
    """Waits until less is resident, for a minute; gives what is."""
    end = time.monotonic() + 60
    while server.memory_kb() > kilobytes and time.monotonic() < end:
        time.sleep(0.2)
    return server.memory_kb()


@LARGE
def test_a_pause_gives_back_what_large_photos_and_gradients_took() -> None:
    """Within 10 seconds, on a machine with time: to 1.3 times what it was."""
    photo = png(4000, 3000)

    def ask(i: int) -> int:
        if i % 2:
            return server.cam(photo).status_code
        url = f"/cam?heatmap=none&method={GRADIENTS[i // 2 % 2]}"
        with server.client() as client:
            return client.post(url, content=sample("rocket.jpg")).status_code

    with running("--workers", "2", "--deadline-ms", "100000") as server:
        ready = server.memory_kb()
        assert set(at_once(8, ask)) == {200}
        assert server.memory_kb() > ready + 80_000
        assert wait_below(server, 1.3 * ready) <= 1.3 * ready
        # and all is made anew
        assert [ask(i) for i in range(4)] == [200] * 4


def test_a_server_with_little_memory_stays_within_it() -> None:
    """Eight clients ask for what takes more than there is, all at once."""
    options = ("--workers", "2", "--deadline-ms", "100000")
    with running(*options) as server:
        ready = server.memory_kb() * 1024

    def ask(i: int) -> tuple[int, str]:
        url = f"/cam?heatmap=none&method={method}"
        with server.client() as client:
            answer = client.post(url, content=sample("rocket.jpg"))
        return answer.status_code, answer.json().get("kind", "")

    limit = ready + 70 * MEGABYTE
    with running(*options, "--max-memory", str(limit)) as server:
        for method in GRADIENTS:
            seen = at_once(8, ask)
            assert set(seen) <= {(200, ""), (503, "no-memory")}
            if method == "saliency":
                assert (200, "") in seen
        # Resident is also the program itself, which does not count.
        assert highest(server) < limit + 16 * MEGABYTE
        method = "cam"
        assert set(at_once(8, ask)) == {(200, "")}


def test_a_refusal_says_what_was_needed_and_what_there_was() -> None:
    """Class activation maps fit, gradients do not."""
    with running("--workers", "1") as server:
        ready = server.memory_kb() * 1024
    limit = ready + 20 * MEGABYTE
    with running("--workers", "1", "--max-memory", str(limit)) as server:
        assert server.cam(params={"heatmap": "none"}).status_code == 200
        answer = server.cam(params={"method": "saliency"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        problem = answer.json()
        assert problem["kind"] == "no-memory"
        assert re.fullmatch(
            r"not enough memory: \d+ MB are needed, and \d+ of "
            rf"{limit // MEGABYTE} MB are left",
            problem["detail"],
        )
        assert server.metric('wherefore_rejected_total{reason="memory"}') == 1
        assert server.cam(params={"heatmap": "none"}).status_code == 200


def limit_for_a_gradient() -> int:
    """The least that a gradient fits in, to 4 MB."""
    with running("--workers", "1") as server:
        ready = server.memory_kb() * 1024
    for more in range(20, 120, 4):
        limit = ready + more * MEGABYTE
        with running("--workers", "1", "--max-memory", str(limit)) as server:
            answer = server.cam(params={"method": "saliency", "heatmap": "none"})
            if answer.status_code == 200:
                return limit
    raise AssertionError("no limit is enough for a gradient")


def test_activations_and_filters_fit_where_a_gradient_does() -> None:
    """By turns, with no memory for another network beside the gradient's."""
    # A heap does not always have the same size.
    limit = limit_for_a_gradient() + 4 * MEGABYTE
    with (
        running("--workers", "1", "--max-memory", str(limit)) as server,
        server.client() as client,
    ):
        layers = client.get("/model/layers").json()["layers"]
        params = {"layer": layers[len(layers) // 3]["name"]}
        gradient = {"method": "saliency", "heatmap": "none"}
        for _ in range(2):
            assert server.cam(params=gradient).status_code == 200
            answer = client.post(
                "/activations", params=params, content=sample("rocket.jpg")
            )
            assert answer.status_code == 200, answer.text
            assert client.get("/filters").status_code == 200
