"""The generator of examples/lane-change: what it draws, and what it says of it."""

from __future__ import annotations

import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "examples/lane-change"))
import draw  # noqa: E402
import generate  # noqa: E402
import scene as world  # noqa: E402

STILL = (0.0, 0.0)


def vehicle(kind: str = "car", lane: int = 0, ahead: float = 10.0) -> world.Vehicle:
    """A red one that stays where it is."""
    return world.Vehicle(kind, lane, ahead, 0.0, (0.8, 0.1, 0.1), 0.0, 0.5)


def scene(*vehicles: world.Vehicle, **changes: object) -> world.Scene:
    """A plain road by day."""
    return world.Scene(seed=3, lanes=2, vehicles=list(vehicles), **changes)


def hashed(seed: int) -> str:
    """Of all that is drawn and said of four sequences."""
    digest = hashlib.sha256()
    for frame in generate.sequences(seed, 4, 2, 5):
        digest.update(frame.picture.tobytes())
        digest.update(repr((frame.name, frame.truth)).encode())
    return digest.hexdigest()


def test_a_seed_makes_the_same_frames_always() -> None:
    """And another seed others."""
    assert hashed(1) == hashed(1)
    assert hashed(1) != hashed(2)


def test_training_may_draw_more_of_a_kind() -> None:
    """As many as it asks for; the figures of an evaluation are those of the shares
    that the scene has by itself."""
    kinds = [
        vehicle.kind
        for number in range(60)
        for vehicle in world.any_scene(number, "blocked", 2.0, (0, 0, 0, 1)).vehicles
    ]
    assert set(kinds) == {"motorcycle"}
    kinds = [
        vehicle.kind
        for number in range(400)
        for vehicle in world.any_scene(number, "blocked", 2.0).vehicles
    ]
    assert 0.06 < kinds.count("motorcycle") / len(kinds) < 0.14


@pytest.mark.parametrize(
    ("road", "label", "near"),
    [
        (scene(), world.FREE, False),
        (scene(vehicle(ahead=10)), world.BLOCKED, False),
        (scene(vehicle(ahead=-2)), world.BLOCKED, False),
        (scene(vehicle(ahead=-20)), world.FREE, False),
        (scene(vehicle(ahead=23)), world.BLOCKED, True),
        (scene(vehicle(ahead=25)), world.FREE, True),
        (scene(vehicle(ahead=40)), world.FREE, False),
        (scene(vehicle(ahead=25), vehicle(ahead=5)), world.BLOCKED, False),
        (scene(vehicle(lane=1)), world.FREE, False),
        (scene(vehicle(lane=-1)), world.FREE, False),
        (scene(vehicle(), blind="mud"), world.UNDEFINED, False),
        (scene(vehicle(), drift=(1.5, -2, 1, 0)), world.UNDEFINED, False),
    ],
)
def test_labels_follow_from_the_geometry(
    road: world.Scene, label: str, near: bool
) -> None:
    """Who is in the zone of the adjacent lane blocks it, and nobody else."""
    truth = world.truth(road, 0.0, STILL)
    assert (truth.label, truth.near) == (label, near)


def test_without_a_lane_it_is_undefined() -> None:
    """Whoever is there."""
    road = scene(vehicle(lane=-1))
    road.lanes = 0
    assert world.truth(road, 0.0, STILL).label == world.UNDEFINED


@pytest.mark.parametrize("kind", list(world.SIZES))
@pytest.mark.parametrize("ahead", [2.0, 8.0, 20.0])
def test_a_vehicle_is_drawn_in_its_box(kind: str, ahead: float) -> None:
    """The pixels that change without it, but for its shadow, fill the box."""
    pictures = []
    for road in (scene(vehicle(kind, ahead=ahead)), scene()):
        painter = draw.Painter(road)
        painter.noise = 0.0
        pictures.append(painter.frame(0, 0.0, np.zeros(2)).astype(int))
    changed = np.abs(pictures[0] - pictures[1]).max(2) > 60
    (box,) = world.truth(scene(vehicle(kind, ahead=ahead)), 0.0, STILL).boxes
    rows, columns = np.nonzero(changed)
    seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert max(abs(a - b) for a, b in zip(seen, box, strict=True)) <= max(
        3, 0.25 * (box[2] - box[0])
    )


def test_the_free_road_is_between_its_lines() -> None:
    """Each strip begins and ends where the lane does at its distance."""
    road = scene()
    boxes = world.truth(road, 0.0, STILL).boxes
    assert len(boxes) > 10
    for x0, y0, x1, y1 in boxes:
        z = world.FOCUS * world.EYE / ((y0 + y1) / 2 - world.HORIZON)
        left, right = (
            world.place(road.line(0) + s, 0, z, STILL)[0] for s in (0, world.LANE)
        )
        assert x0 == pytest.approx(max(0, left), abs=3)
        assert x1 == pytest.approx(min(world.WIDTH, right), abs=3)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    """A file for each frame, and a line for each box in one of the two lists."""
    frames = list(generate.sequences(4, 5, 2, 5))
    assert generate.write(tmp_path, iter(frames)) == len(frames) == 10
    lines = []
    for name in ("truth.csv", "near.csv"):
        with (tmp_path / name).open(newline="") as file:
            lines += list(csv.DictReader(file))
    assert {line["file"] for line in lines} == {f"frames/{f.name}" for f in frames}
    assert all((tmp_path / line["file"]).exists() for line in lines)
    assert len(lines) == sum(max(1, len(frame.truth.boxes)) for frame in frames)
    assert {line["class"] for line in lines} <= set(world.LABELS)
