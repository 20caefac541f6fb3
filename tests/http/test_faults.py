"""Clients are killed, sockets reset, the queue filled and garbage sent, at
random and all at once: every request that was whole is answered once, nothing
leaks, and the next request is served.
"""

from __future__ import annotations

import collections
import os
import pathlib
import re
import time

import pytest
from conftest import SANITIZED, Server, running
from hostile import Load

# WHEREFORE_FAULT_SECONDS, or as long as there is time for.
SECONDS = float(
    os.environ.get(
        "WHEREFORE_FAULT_SECONDS",
        8 if SANITIZED else 40 if os.environ.get("CI") == "true" else 15,
    )
)


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
            while time.monotonic() < load.start + SECONDS:
                assert server.process.poll() is None, server.log()[-2000:]
                time.sleep(0.2)
        assert settle(server, files)
        statuses = collections.Counter(r.status for r in load.done())
        print(f"{dict(statuses)}; {load.hostile.total()}: {dict(load.hostile)}")

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

        assert server.metric("wherefore_requests_in_flight") == 1
        assert server.metric("wherefore_queue_length") == 0
        assert server.metric("wherefore_busy_workers") == 0
        assert server.cam().status_code == 200


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed for a while")
def test_memory_is_flat_under_a_steady_load() -> None:
    """As after the first requests, so after many; the long run is tests/soak.py."""
    first, last = 1000, 5000
    at: dict[int, int] = {}
    options = ("--workers=2", "--input-size=64", "--log-format=none")
    with running(*options) as server:
        with Load(server.address, num_good=6, num_hostile=1) as load:
            for number in (first, last):
                while load.num_done() < number:
                    assert server.process.poll() is None, server.log()[-2000:]
                    assert not load.errors
                    time.sleep(0.05)
                at[number] = server.memory_kb()
        print(at)

        # A sanitizer keeps what was freed.
        assert at[last] < at[first] * 1.05
