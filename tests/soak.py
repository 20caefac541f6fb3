"""Keeps a server at full load with a tenth of hostile clients, and says how it
was: `make soak SECONDS=600`. Ends with status 1 where a request was lost, or
memory or descriptors grew.
"""

from __future__ import annotations

import argparse
import collections
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "http"))

from conftest import Server, running
from hostile import Load

FIRST = 2000  # requests after which memory is to stay as it is


def percentile(values: list[float], share: float) -> float:
    """In milliseconds; of sorted seconds."""
    return 1000 * values[min(len(values) - 1, int(share * len(values)))]


def print_latencies(load: Load) -> None:
    """By kind of request and status."""
    kinds = collections.defaultdict(list)
    for request in load.done():
        kinds[request.kind, request.status].append(request.seconds)
    print(f"{'request':8} {'status':>6} {'count':>8}   p50   p90   p99   max  ms")
    for (kind, status), seconds in sorted(kinds.items()):
        seconds.sort()
        shares = [percentile(seconds, share) for share in (0.5, 0.9, 0.99, 1)]
        numbers = " ".join(f"{value:5.0f}" for value in shares)
        print(f"{kind:8} {status:6} {len(seconds):8} {numbers}")


def num_files(server: Server) -> int:
    """Its open descriptors."""
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def watch(server: Server, load: Load, seconds: float, every: float) -> list[int]:
    """Prints a line now and then; gives resident memory from FIRST requests on."""
    memory = []
    before, at = 0, time.monotonic()
    while time.monotonic() < load.start + seconds:
        time.sleep(min(every, max(0.1, load.start + seconds - time.monotonic())))
        if server.process.poll() is not None or load.errors:
            break
        done, now = load.num_done(), time.monotonic()
        kb = server.memory_kb()
        if done >= FIRST:
            memory.append(kb)
        print(
            f"{now - load.start:6.0f} s {done:8} requests {(done - before) / (now - at):6.0f}/s"
            f" {load.hostile.total():7} hostile {kb / 1000:7.1f} MB {num_files(server):5} files",
            flush=True,
        )
        before, at = done, now
    return memory


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--hostile", type=int, default=6)
    parser.add_argument("--every", type=float, default=10)
    parser.add_argument("options", nargs="*", help="of wherefore serve, after --")
    given = parser.parse_args()
    wrong = []

    with running("--log-format=none", *given.options) as server:
        assert server.cam().status_code == 200
        files = num_files(server)
        with Load(server.address, given.clients, given.hostile) as load:
            memory = watch(server, load, given.seconds, given.every)
        took = time.monotonic() - load.start
        if server.process.poll() is not None:
            print(server.log()[-2000:])
            return 1
        for _ in range(400):
            if server.metric("wherefore_requests_in_flight") == 1:
                break
            time.sleep(0.1)
        in_flight = server.metric("wherefore_requests_in_flight")
        left = num_files(server)
        print_latencies(load)
        print(
            "hostile:", ", ".join(f"{n} {k}" for k, n in sorted(load.hostile.items()))
        )
        statuses = collections.Counter(r.status for r in load.done())
        print(f"{load.num_done() / took:.0f} requests/s; by status: {dict(statuses)}")
        rejected = [
            line
            for line in server.get("/metrics").text.splitlines()
            if line.startswith("wherefore_rejected") and not line.endswith(" 0")
        ]
        print("\n".join(rejected))
        print(f"files: {files} before, {left} after; in flight: {in_flight - 1}")
        if memory:
            low, high = min(memory), max(memory)
            print(f"memory from request {FIRST} on: {low} to {high} kB")
            if high > 1.05 * memory[0]:
                wrong.append("memory grew by more than 5 %")
        wrong += [f"a client failed: {error!r}" for error in load.errors]
        if set(statuses) - {200, 404, 503}:
            wrong.append("a request was not answered, or not as it should")
        if left > files + 2 or in_flight != 1:
            wrong.append("connections are left")
        if server.cam().status_code != 200:
            wrong.append("the next request fails")
    print("\n".join(wrong) if wrong else "all is well")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
