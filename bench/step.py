"""What an autoscaler sees when the load of a service rises and falls.

    bench/run step [--scale 1]

One instance with one worker is asked for images at a share of what it can do: 0.4,
then 1.6, then 0.4 again, at times by chance. Each second its metrics are read. Prints
every fifth second: the images that wait, the workers that were busy in the mean of the
last minute, and the pods that docker/kubernetes/queue/ would want of both; beside that,
what tools/scale_sim.py says of the same load, also with an autoscaler.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import scale_sim  # noqa: E402

WHEREFORE = ROOT / "build/wherefore"
MODEL = ROOT / "models/efficientnet-lite0"
PHOTO = ROOT / "static/samples/rocket.jpg"
LIMIT = 256  # images that may wait
STAGES = ("decode", "preprocess", "infer", "render")
SHARES = ((0, 0.4), (40, 1.6), (60, 0.4))  # from these seconds on
SECONDS = 140


class Service:
    """A running instance."""

    def __init__(self) -> None:
        args = ["--listen=127.0.0.1:0", f"--model={MODEL}", "--workers=1"]
        args += [f"--queue-length={LIMIT}", "--deadline-ms=60000", "--log-format=none"]
        self._process = subprocess.Popen(
            [WHEREFORE, "serve", *args, "--lone-threads=1"],
            stdout=subprocess.PIPE,
            text=True,
        )
        said = self._process.stdout.readline()
        self.address = said.strip().rpartition("http://")[2]

    def ask(self, photo: bytes) -> int:
        """The status of the answer."""
        client = http.client.HTTPConnection(self.address, timeout=120)
        client.request("POST", "/cam?heatmap=none", photo)
        answer = client.getresponse()
        answer.read()
        client.close()
        return answer.status

    def metrics(self) -> tuple[float, float]:
        """Images that wait, and seconds of work that are done."""
        client = http.client.HTTPConnection(self.address, timeout=10)
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        client.close()
        waiting = re.search(r"^wherefore_queue_length (\S+)", text, re.M)
        stages = "|".join(STAGES)
        done = re.findall(
            rf'^wherefore_stage_seconds_sum{{stage="(?:{stages})"}} (\S+)', text, re.M
        )
        return float(waiting[1]), sum(map(float, done))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def seconds_an_image(service: Service, photo: bytes) -> float:
    """Of a worker, when it has nothing else to do than to go on."""
    for _ in range(10):
        service.ask(photo)
    with ThreadPoolExecutor(2) as pool:
        start = time.monotonic()
        list(pool.map(lambda _: service.ask(photo), range(300)))
        return (time.monotonic() - start) / 300


def run(service: Service, photo: bytes, load: scale_sim.Load) -> tuple[list, Counter]:
    """What was seen each second, and how often each status was answered."""
    chance = random.Random(1)
    statuses: Counter = Counter()
    seen: list[tuple[float, float]] = []
    start = time.monotonic()

    def look() -> None:
        for second in range(1, int(load.seconds) + 1):
            time.sleep(max(0.0, start + second - time.monotonic()))
            seen.append(service.metrics())

    watch = threading.Thread(target=look)
    watch.start()
    due = 0.0
    with ThreadPoolExecutor(LIMIT + 64) as pool:
        answers = []
        while (due := due + chance.expovariate(load.rate(due))) < load.seconds:
            time.sleep(max(0.0, start + due - time.monotonic()))
            answers.append(pool.submit(service.ask, photo))
        statuses.update(answer.result() for answer in answers)
    watch.join()
    return seen, statuses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1, help="of the load")
    asked = parser.parse_args()
    photo = PHOTO.read_bytes()
    service = Service()
    try:
        image_s = seconds_an_image(service, photo)
        steps = tuple((at, asked.scale * share / image_s) for at, share in SHARES)
        load = scale_sim.Load(steps, SECONDS)
        seen, statuses = run(service, photo, load)
    finally:
        service.stop()
    scaler = scale_sim.Scaler(most=1)
    alone = scale_sim.simulate_queue(load, image_s, LIMIT, scaler)
    scaled = scale_sim.simulate_queue(load, image_s, LIMIT, scale_sim.Scaler())
    loads = " ".join(f"{it:.1f}" for it in os.getloadavg())
    print(
        f"{1000 * image_s:.2f} ms an image; answers: {dict(statuses)}; load {loads}\n"
    )
    print("| s | images/s | waiting | busy | pods wanted | simulated: waiting", end="")
    print(" | the same, scaled | pods |\n|" + " --- |" * 8)
    for second in range(5, SECONDS + 1, 5):
        before = max(0, second - 60)
        done = seen[second - 1][1] - (seen[before - 1][1] if before else seen[0][1])
        busy = done / (second - max(1, before))
        waiting = seen[second - 1][0]
        wanted = min(10, max(1, -(-(waiting + busy) // scaler.target)))
        print(
            f"| {second} | {load.rate(second - 1):.0f} | {waiting:.0f} | {busy:.2f} "
            f"| {wanted:.0f} | {alone[second - 1].queue} | {scaled[second - 1].queue} "
            f"| {scaled[second - 1].pods} |"
        )
    error = statistics.fmean(
        abs(real[0] - told.queue) for real, told in zip(seen, alone, strict=True)
    )
    most = max(real[0] for real in seen)
    print(
        f"\nmost waiting {most:.0f}; simulated {max(it.queue for it in alone)};", end=""
    )
    print(f" {error:.1f} apart in the mean")


if __name__ == "__main__":
    main()
