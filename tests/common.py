"""What the tests in several folders share."""

from __future__ import annotations

import importlib.util
import pathlib
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
