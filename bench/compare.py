"""Measures wherefore beside the services that a user would pick instead.

Prints tables and writes build/bench.json. Nothing here passes or fails: on a
busy machine only the ratios, taken in one run by turns, mean anything.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import agree
import load
from photos import Photo, photos
from services import KINDS, ROOT, Service

# (photo, clients), in the order of the tables.
CELLS = (
    ("small", 1),
    ("small", 8),
    ("small", 64),
    ("phone", 1),
    ("phone", 8),
    ("phone-full", 1),
    ("screen", 1),
    ("screen", 8),
)


def rotated(items: list, by: int) -> list:
    """Another one begins each round."""
    by %= len(items)
    return items[by:] + items[:by]


def measure_closed(
    services: list[Service], all_photos: dict[str, Photo], cells, rounds: int, seconds
) -> list[dict]:
    """All cells, rounds times, the services by turns; medians of the rounds."""
    runs: dict[tuple, list[dict]] = {}
    for number in range(rounds):
        for photo, clients in cells:
            for service in rotated(services, number):
                found = load.closed(service.port, all_photos[photo], clients, seconds)
                service.settle()
                runs.setdefault((service.name, photo, clients), []).append(found)
    rows = []
    for (name, photo, clients), found in runs.items():
        middle = {
            key: statistics.median(x[key] for x in found)
            for key in ("per_s", "p50_ms", "p90_ms", "p99_ms")
        }
        failed = sum(x["failed"] for x in found)
        rows.append(
            {
                "service": name,
                "photo": photo,
                "clients": clients,
                **middle,
                "failed": failed,
                "rounds": [x["per_s"] for x in found],
            }
        )
    return rows


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--services", default="wherefore,onnx")
    p.add_argument("--root", type=Path)
    p.add_argument("--seconds", type=float, default=2)
    p.add_argument("--rounds", type=int, default=3)
    o = p.parse_args()
    all_photos = photos(ROOT / "build/bench/photos")
    services = []
    try:
        for n in o.services.split(","):
            services.append(Service(n, ROOT / "models/efficientnet-lite0", o.root))
            print(n, services[-1].ready_ms, services[-1].resident_mb())
        for r in agree.check(services, all_photos): print(r)
        for r in measure_closed(services, all_photos, CELLS, o.rounds, o.seconds):
            print(r["service"], r["photo"], r["clients"], round(r["per_s"],1), round(r["p50_ms"],2), round(r["p99_ms"],2), r["failed"])
        for s in services:
            print(s.name, load.open_loop(s.port, all_photos["small"], 50, 3))
    finally:
        for s in services: s.stop()

main()
