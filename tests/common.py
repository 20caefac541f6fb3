"""What the tests in several folders share."""

from __future__ import annotations

import contextlib
import importlib.util
import pathlib
import random
import socket
import sys
import time
from collections.abc import Callable
from types import ModuleType

TESTS = pathlib.Path(__file__).resolve().parent


def conftest_of(folder: str) -> ModuleType:
    """The conftest of other tests, which has the running of servers in it."""
    name = f"{folder}_conftest"
    path = TESTS / folder / "conftest.py"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def free_port() -> int:
    """A port that nobody has. It is below those that the kernel gives to whoever asks
    for any, so no server and no client of another test comes upon it."""
    given = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    end = max(20_000, int(given.split()[0]))
    while True:
        port = random.randrange(end // 2, end)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def eventually(
    look: Callable[[], object], patience: float, pause: float = 0.05
) -> object:
    """What `look` returns, once that is something; at the latest in `patience`
    seconds."""
    end = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(pause)
    return seen
