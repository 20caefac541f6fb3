"""Methods beside the libraries that are used for them, and beside their passes.

    bench/run explanations [--model FOLDER] [--rounds 3] [--seconds 3]

First the services: 8 clients ask for `method=gradcam` and FastAPI with
pytorch-grad-cam, and for `method=saliency` and FastAPI with Captum, by turns, all
for the same answer. Then what a method of many passes takes, as a multiple of its
passes, on one core and on all; and what `method=gradcam` takes of a network without
a GAP head, as a multiple of the pass that classifies: least times of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import agree
import load
import measure
import network_files
from photos import Photo, photos
from services import ROOT, Service

CLIENTS = 8
# Issue 17: what is aimed for.
PEERS = {"gradcam": ("torch", 8.0), "saliency": ("captum", 3.5)}
GOAL_PASSES, GOAL_CORES = 1.03, 1.9
# A window of 45 pixels of 224 is at 81 places.
LONG = {"occlusion": {}, "rise": {"masks": 300}}


def measure_services(ours: Service, peer: Service, photo: Photo, options) -> dict:
    """Requests a second of both, by turns: the medians of the rounds."""
    found = {ours.name: [], peer.name: []}
    agree_on(ours, peer, photo)
    for number in range(options.rounds):
        for service in (ours, peer)[:: 1 if number % 2 else -1]:
            run = load.closed(service.port, photo, CLIENTS, options.seconds)
            if run["failed"]:
                raise SystemExit(f"bench: {service.name}: {run['failed']} failed")
            found[service.name].append(run["per_s"])
            service.settle()
    return {name: statistics.median(runs) for name, runs in found.items()}


def agree_on(ours: Service, peer: Service, photo: Photo) -> None:
    """The same class and an overlay of the same size; boxes of pixel maps scatter."""
    one, other = agree.ask(ours, photo), agree.ask(peer, photo)
    if (one["class"], one["overlay"]) != (other["class"], other["overlay"]):
        raise SystemExit(f"bench: {ours.name} and {peer.name} answer otherwise")


def print_services(options: argparse.Namespace) -> None:
    """The first table."""
    small = photos(ROOT / "build/bench/photos")["small"]
    print(f"{CLIENTS} clients, {small.label}; requests a second")
    ours = Service("wherefore", options.model)
    try:
        for method, (name, goal) in PEERS.items():
            photo = small._replace(query=f"?method={method}")
            peer = Service(name, options.model)
            try:
                found = measure_services(ours, peer, photo, options)
            finally:
                peer.stop()
            ratio = found[ours.name] / found[peer.name]
            print(
                f"  {method:10} {found[ours.name]:7.1f}  {peer.kind.label}"
                f" {found[peer.name]:6.1f}  ratio {ratio:.1f} (goal {goal})"
            )
    finally:
        ours.stop()


def answers(model: Path, cores: int, count: int, *options: str) -> list[dict]:
    """What the command says of a photo, count times. Its calls share a session, so
    that the first one is left out, and the others find it warm."""
    command = ["taskset", "-c", ",".join(map(str, range(cores)))]
    command += [ROOT / "build/wherefore", "cam", "--threads", str(cores)]
    command += ["--model", model, *options]
    command += [ROOT / "static/samples/coffee.png"] * (count + 1)
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in run.stdout.splitlines()][1:]


def least(found: list[dict], *stages: str) -> float:
    """The least sum of some stages."""
    return min(sum(answer["timing_ms"][stage] for stage in stages) for answer in found)


def least_times(model: Path, cores: int, method: str, rounds: int) -> tuple:
    """Milliseconds of a pass, and of a method's passes but for the first one."""
    options = [f"--{key}={value}" for key, value in LONG[method].items()]
    alone, whole = [], []
    for _ in range(rounds):
        alone += answers(model, cores, 20, "--method", "cam")
        whole += answers(model, cores, 1, "--method", method, *options)
    count = whole[0]["explanation"]["passes"] - 1
    return least(alone, "infer"), least(whole, "render"), count


def print_gradcam(options: argparse.Namespace) -> None:
    """The third table."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "vgg16"
        file = network_files.make("vgg16", ROOT / "build/bench/networks")
        subprocess.run(
            [ROOT / "build/wherefore", "model", "add", file, "--to", model],
            check=True,
            capture_output=True,
        )
        found = [
            answer
            for _ in range(options.rounds)
            for answer in answers(model, 1, 5, "--method", "gradcam")
        ]
    ratio = least(found, "infer", "render") / least(found, "infer")
    print(f"gradcam of VGG-16, one core: {ratio:.2f} x the forward pass (goal 1.35)")


def print_passes(options: argparse.Namespace) -> None:
    """The second table."""
    cores = len(os.sched_getaffinity(0))
    print("least milliseconds; one core, all cores; a pass on one core x passes = 1")
    for method in LONG:
        pass_ms, one, count = least_times(options.model, 1, method, options.rounds)
        _, many, _ = least_times(options.model, cores, method, options.rounds)
        print(
            f"  {method:10} {count} passes of {pass_ms:.2f}: {one:.0f}, {many:.0f};"
            f" {one / count / pass_ms:.3f} (goal {GOAL_PASSES}),"
            f" cores {one / many:.2f} (goal {GOAL_CORES})"
        )


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="bench/run explanations")
    parser.add_argument(
        "--model", type=Path, default=ROOT / "models/efficientnet-lite0"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args()
    print(measure.cpu_name())
    print_services(options)
    print_passes(options)
    print_gradcam(options)


if __name__ == "__main__":
    main()
