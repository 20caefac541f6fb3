"""How many threads work on pictures: as many as are asked for, and not more than
the cores can run."""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import pytest
from conftest import running

CORES = sorted(os.sched_getaffinity(0))


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """What is started meanwhile has so many cores."""
    os.sched_setaffinity(0, CORES[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def threads(*options: str, cores: int = len(CORES)) -> int:
    """Of a server that answers."""
    with on_cores(cores), running(*options) as server:
        assert server.cam().status_code == 200
        return len(list(pathlib.Path(f"/proc/{server.pid}/task").iterdir()))


def test_helpers_are_as_many_as_workers_or_as_asked_for() -> None:
    """Besides the worker whose run it is."""
    without = threads("--workers=2", "--lone-threads=1")

    assert threads("--workers=2", "--lone-threads=3") == without + 2
    assert threads("--workers=1") == without - 1


@pytest.mark.skipif(len(CORES) < 2, reason="there is one core only")
def test_helpers_are_fewer_where_cores_are() -> None:
    """They would only take turns with the worker; who asks for them has them."""
    without = threads("--workers=2", "--lone-threads=1")

    assert threads("--workers=2", cores=2) == without + 1
    assert threads("--workers=2", cores=1) == without
    assert threads("--workers=2", "--lone-threads=2", cores=1) == without + 1
