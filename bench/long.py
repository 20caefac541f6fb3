"""How long a short request takes beside long ones: `cam` alone, and beside as many
`occlusion` requests as there are workers, in turns. A request that had to wait for
a long one to finish would take seconds.

    bench/run long [--model FOLDER] [--rounds 3] [--requests 100]

The bound to look at is the ratio: between two passes of a long request its worker
runs one short one, so that it waits for the rest of a pass and, if others wait as
well, for their turns.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import re
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHOTO = (ROOT / "static/samples/rocket.jpg").read_bytes()
SHORT = "/cam?heatmap=none"
LONG = "/cam?heatmap=none&method=occlusion&window=16"


@contextlib.contextmanager
def serving(model: str, workers: int) -> Iterator[int]:
    """A server; its port."""
    command = [ROOT / "build/wherefore", "serve", "--listen", "127.0.0.1:0"]
    command += ["--model", model, "--workers", str(workers), "--log-format", "none"]
    process = subprocess.Popen(
        [*command, "--deadline-ms", "3600000"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(re.search(r":(\d+)$", process.stdout.readline())[1])
    finally:
        process.terminate()
        process.wait()


def ask(connection: http.client.HTTPConnection, target: str) -> dict:
    """One request, and its answer."""
    headers = {"Content-Type": "image/jpeg"}
    connection.request("POST", target, PHOTO, headers)
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise RuntimeError(body.decode())
    return json.loads(body)


def times(port: int, clients: int, requests: int) -> list[float]:
    """Milliseconds of each of so many short requests."""
    found: list[float] = []

    def work() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(requests // clients):
            begin = time.perf_counter()
            ask(connection, SHORT)
            found.append(1000 * (time.perf_counter() - begin))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def metric(port: int, name: str) -> float:
    """A metric without labels."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


@contextlib.contextmanager
def long_requests(port: int, count: int) -> Iterator[None]:
    """So many that never end; their clients leave at the end."""
    stopped = threading.Event()
    connections = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(count)]

    def work(connection: http.client.HTTPConnection) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not stopped.is_set():
                ask(connection, LONG)

    threads = [threading.Thread(target=work, args=(c,)) for c in connections]
    for thread in threads:
        thread.start()
    while metric(port, "wherefore_long_jobs") < count:
        time.sleep(0.01)
    yield
    stopped.set()
    for connection in connections:
        connection.sock.shutdown(2)
    for thread in threads:
        thread.join()
    while metric(port, "wherefore_long_jobs") > 0:
        time.sleep(0.01)


def rank(found: list[float], share: float) -> float:
    """A percentile."""
    return sorted(found)[min(len(found) - 1, int(share * len(found)))]


def measure(port: int, workers: int, clients: int, options: argparse.Namespace) -> dict:
    """Alone and beside, in turns; and how much the long ones got done."""
    alone: list[float] = []
    beside: list[float] = []
    passes = []
    for _ in range(options.rounds):
        alone += times(port, clients, options.requests)
        with long_requests(port, workers):
            before = metric(port, "wherefore_forward_passes_total")
            begin = time.perf_counter()
            beside += times(port, clients, options.requests)
            seconds = time.perf_counter() - begin
            after = metric(port, "wherefore_forward_passes_total")
        passes.append((after - before - options.requests) / seconds)
    return {
        "clients": clients,
        "alone": [rank(alone, 0.5), rank(alone, 0.99)],
        "beside": [rank(beside, 0.5), rank(beside, 0.99)],
        "long_passes_per_s": statistics.median(passes),
    }


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--model", default=str(ROOT / "models/efficientnet-lite0"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=100)
    options = parser.parse_args()
    with serving(options.model, options.workers) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(10):
            infer = ask(connection, SHORT)["timing_ms"]["infer"]
        connection.close()
        print(f"{options.workers} workers; a pass takes {infer:.1f} ms")
        print("clients  alone: p50   p99   beside: p50   p99 ms   long passes/s")
        for clients in (1, 4):
            row = measure(port, options.workers, clients, options)
            print(
                f"{clients:7}  {row['alone'][0]:10.1f} {row['alone'][1]:5.1f}"
                f"  {row['beside'][0]:11.1f} {row['beside'][1]:5.1f}"
                f"  {row['long_passes_per_s']:14.1f}"
            )


if __name__ == "__main__":
    main()
