"""Clients are killed, sockets reset, the queue filled and garbage sent, at
random and all at once: every request that was whole is answered once, nothing
leaks, and the next request is served.
"""

from __future__ import annotations

import collections
import os
import pathlib
import re
import statistics
import time

import pytest
from conftest import SANITIZED, Server, running
from hostile import Load

LONG = os.environ.get("CI") == "true" and not SANITIZED
# FAULT_SECONDS, or as long as there is time for.
SECONDS = float(os.environ.get("FAULT_SECONDS", 8 if SANITIZED else 60 if LONG else 15))
# Requests that are over when memory is first looked at, and how many more are to
# find it as it was, however slow the machine is.
FIRST = 1000
MORE = 20_000 if LONG and "FAULT_SECONDS" not in os.environ else 4000
PATIENCE = 600  # seconds for that
GROWTH = 1.1  # of resident memory, some 50 MB: what is idle is given back, and taken again


def num_files(server: Server) -> int:
    """Its open descriptors."""
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def settle(server: Server, files: int) -> bool:
    """Waits until nothing is under way and no socket is left."""
    for _ in range(400):
        if (
            server.metric("wherefore_requests_in_flight") == 1
            and num_files(server) <= files
        ):
            return True
        time.sleep(0.1)
    return False


def watch(server: Server, load: Load, seconds: float, more: int) -> list[int]:
    """Waits that long, and for so many requests after the FIRST; gives resident
    memory now and then from there on."""
    memory = []
    more = 0 if SANITIZED else FIRST + more
    while time.monotonic() < load.start + seconds or load.num_done() < more:
        assert server.process.poll() is None, server.log()[-2000:]
        assert not load.errors
        assert time.monotonic() < load.start + PATIENCE, "it is far too slow"
        time.sleep(0.1)
        if load.num_done() >= FIRST:
            memory.append(server.memory_kb())
    return memory or [server.memory_kb()]


def growth(memory: list[int]) -> float:
    """The last twentieth to the first, in the middle of each: a peak while many
    bodies are on their way is none."""
    few = max(1, len(memory) // 20)
    return statistics.median(memory[-few:]) / statistics.median(memory[:few])


def counted(server: Server) -> collections.Counter[tuple[str, int]]:
    """Finished requests by route and status."""
    pattern = r'wherefore_requests_total\{route="([^"]+)",status="(\d+)"\} (\d+)'
    return collections.Counter(
        {
            (route, int(status)): int(count)
            for route, status, count in re.findall(pattern, server.get("/metrics").text)
        }
    )


def logged(server: Server) -> collections.Counter[tuple[str, int]]:
    """Id and status of every line of the log."""
    pattern = r"^\S+ \S+ \S+ (\d+) .*\bid=(\S+)"
    return collections.Counter(
        (found[2], int(found[1]))
        for found in re.finditer(
            pattern, pathlib.Path(server.log_path).read_text(), re.MULTILINE
        )
    )


def test_every_request_is_answered_once_whatever_others_do() -> None:
    """Seen from both ends: by the client, in the log and in the metrics."""
    # A body that ends in the middle is given up after the timeout.
    options = ("--workers=2", "--queue-length=3", "--input-size=64", "--timeout=4")
    with running(*options) as server:
        assert server.cam().status_code == 200
        files = num_files(server) + 1  # the socket of who asks
        with Load(server.address, num_good=8, num_hostile=8) as load:
            load.share = 1.0
            memory = watch(server, load, SECONDS, MORE)
        assert settle(server, files)
        statuses = collections.Counter(r.status for r in load.done())
        print(f"{dict(statuses)}; {load.hostile.total()}: {dict(load.hostile)}")
        print(f"memory {min(memory)} to {max(memory)} kB, x {growth(memory):.3f}")

        assert not load.errors
        assert set(statuses) <= {200, 404, 503}  # there is a page that is not there
        assert statuses[200] > 50 and statuses[503] > 0
        assert load.hostile.total() > 50
        lines = logged(server)
        for request in load.done():
            assert lines[request.id, request.status] == 1, request
        ids = collections.Counter(id for id, _ in lines.elements())
        assert all(ids[request.id] == 1 for request in load.done())
        # Every line of the log is counted, once.
        assert counted(server).total() >= lines.total()
        assert counted(server)["/cam", 503] >= statuses[503]

        # A sanitizer keeps what was freed for a while.
        assert SANITIZED or growth(memory) < GROWTH
        assert server.metric("wherefore_requests_in_flight") == 1
        assert server.metric("wherefore_queue_length") == 0
        assert server.metric("wherefore_busy_workers") == 0
        assert server.cam().status_code == 200


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed for a while")
def test_memory_is_flat_under_a_steady_load() -> None:
    """As after the first requests, so after many; the long run is tests/soak.py."""
    options = ("--workers=2", "--input-size=64", "--log-format=none")
    with running(*options) as server:
        with Load(server.address, num_good=6, num_hostile=1) as load:
            memory = watch(server, load, 0, 4000)
        print(f"{load.num_done()} requests: x {growth(memory):.3f}")

        assert not load.errors
        assert growth(memory) < GROWTH
