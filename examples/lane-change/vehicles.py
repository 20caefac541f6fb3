"""The shapes of vehicles: polygons in space, seen from before them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scene import NEAREST, Scene, Vehicle

GLASS = (0.10, 0.13, 0.17)
TYRE = (0.04, 0.04, 0.045)
CHROME = (0.55, 0.56, 0.58)
PLATE = (0.85, 0.85, 0.78)
CLOTH = (0.12, 0.12, 0.14)

Point = tuple[float, float, float]


@dataclass
class Face:
    """A polygon in one colour. `lamp` faces shine by themselves in the dark."""

    points: list[Point]
    colour: tuple[float, float, float]
    lamp: bool = False


def shade(colour: tuple, share: float) -> tuple[float, float, float]:
    """A darker or lighter colour."""
    return tuple(min(1.0, c * share) for c in colour)


def before(points: list[Point]) -> list[Point]:
    """The part of a polygon that is before the camera (Sutherland and Hodgman)."""
    out = []
    for i, b in enumerate(points):
        a = points[i - 1]
        if (a[2] < NEAREST) != (b[2] < NEAREST):
            share = (NEAREST - a[2]) / (b[2] - a[2])
            out.append(tuple(p + share * (q - p) for p, q in zip(a, b, strict=True)))
        if b[2] >= NEAREST:
            out.append(b)
    return out


# Outlines of the side, as (share of the length, share of the height), and of its
# window; the front's levels: bonnet, lower and upper end of the windscreen, which
# begins and ends at shares of the length.
SIDES = {
    "car": (
        [(0, 0.2), (0, 0.5), (0.24, 0.62), (0.4, 0.97), (0.75, 1), (0.97, 0.7), (1, 0.2)],
        [(0.29, 0.65), (0.42, 0.92), (0.72, 0.95), (0.87, 0.68)],
        (0.52, 0.62, 0.97, 0.24, 0.4),
    ),
    "van": (
        [(0, 0.15), (0, 0.45), (0.12, 0.52), (0.24, 0.95), (0.35, 1), (1, 1), (1, 0.15)],
        [(0.17, 0.55), (0.25, 0.88), (0.38, 0.88), (0.38, 0.55)],
        (0.45, 0.52, 0.93, 0.12, 0.24),
    ),
    "lorry": (
        [(0, 0.1), (0, 0.95), (0.13, 0.98), (0.13, 0.3), (0.17, 0.3), (0.17, 1), (1, 1),
         (1, 0.3), (0.9, 0.12)],
        [(0.02, 0.5), (0.02, 0.75), (0.08, 0.75), (0.08, 0.5)],
        (0.45, 0.46, 0.76, 0.0, 0.004),
    ),
}  # fmt: skip


def side_of(vehicle: Vehicle, x: float, front: float) -> Iterator[Face]:
    """The side at X = x."""
    _, height, length = vehicle.size
    outline, window, _ = SIDES[vehicle.kind]
    paint = vehicle.colour

    def at(corners: list) -> list[Point]:
        return [(x, y * height, front + z * length) for z, y in corners]

    yield Face(at(outline), shade(paint, 0.6))
    yield Face(at(window), GLASS)
    axles = (0.17, 0.8) if vehicle.kind != "lorry" else (0.08, 0.72, 0.82)
    radius = 0.33 if vehicle.kind != "lorry" else 0.5
    for axle in axles:
        turn = [(0, 1), (0.7, 0.7), (1, 0), (0.7, -0.7), (0, -1), (-0.7, -0.7), (-1, 0), (-0.7, 0.7)]
        yield Face(
            [(x, radius * (1 + b), front + axle * length + radius * a) for a, b in turn],
            TYRE,
        )


def front_of(vehicle: Vehicle, s: float, front: float) -> Iterator[Face]:
    """What is seen from before it."""
    width, height, length = vehicle.size
    bonnet, low, high, begin, end = SIDES[vehicle.kind][2]
    half, paint = width / 2, vehicle.colour
    ground = 0.12 * height

    def quad(x0, y0, z0, x1, y1, z1) -> list[Point]:
        """From (+-x0, y0) at z0 to (+-x1, y1) at z1, as shares."""
        lower = (y0 * height, front + z0 * length)
        upper = (y1 * height, front + z1 * length)
        return [
            (s - x0 * half, *lower),
            (s + x0 * half, *lower),
            (s + x1 * half, *upper),
            (s - x1 * half, *upper),
        ]

    for side in (-0.8, 0.8):
        wheel = [(side - 0.13, 0), (side + 0.13, 0), (side + 0.13, 2), (side - 0.13, 2)]
        yield Face([(s + a * half, b * ground, front + 0.3) for a, b in wheel], TYRE)
    yield Face(quad(1, 0.14, 0, 1, bonnet, 0), paint)
    yield Face(quad(0.98, bonnet, 0, 0.92, low, begin), shade(paint, 1.2))
    yield Face(quad(0.92, low, begin, 0.78 if length < 6 else 0.92, high, end), GLASS)
    yield Face(quad(0.5, low, begin, 0.2, high, end), shade(GLASS, 1 + vehicle.look))
    roof = 0.98 if vehicle.kind != "car" else 1.0
    yield Face(
        quad(0.8 if length < 6 else 1, high, end, 0.76 if length < 6 else 1, roof, end + 0.08),
        shade(paint, 0.9),
    )
    yield Face(quad(0.55, 0.62 * bonnet, 0, 0.5, 0.8 * bonnet, 0), shade(GLASS, 0.7))
    yield Face(quad(0.28, 0.36 * bonnet, 0, 0.28, 0.5 * bonnet, 0), PLATE)
    if vehicle.kind == "lorry":  # the load, higher and wider than the cab
        z = front + 0.17 * length
        yield Face(
            [(s - half, 0.93 * height, z), (s + half, 0.93 * height, z),
             (s + half, height, z), (s - half, height, z)],
            shade((0.8, 0.8, 0.8), 0.6 + 0.5 * vehicle.look),
        )  # fmt: skip
    for lamp in lamps_of(vehicle, s, front):
        x, y, z = lamp
        a, b = 0.09 * width, 0.05 * height if length < 6 else 0.1
        yield Face(
            [(x - a, y - b, z), (x + a, y - b, z), (x + a, y + b, z), (x - a, y + b, z)],
            (0.9, 0.9, 0.88),
            True,
        )


def lamps_of(vehicle: Vehicle, s: float, front: float) -> list[Point]:
    """The middles of its headlamps."""
    width, height, _ = vehicle.size
    if vehicle.kind == "motorcycle":
        return [(s, 0.95, front + 0.25)]
    y = 0.7 * SIDES[vehicle.kind][2][0] * height if vehicle.kind != "lorry" else 0.8
    return [(s + side * 0.38 * width, y, front) for side in (-1, 1)]


def rider(vehicle: Vehicle, s: float, front: float) -> Iterator[Face]:
    """A motorcycle, and who sits on it."""

    def flat(corners: list, z: float) -> list[Point]:
        return [(s + x, y, front + z) for x, y in corners]

    yield Face(flat([(-0.09, 0), (0.09, 0), (0.09, 0.65), (-0.09, 0.65)], 0), TYRE)
    yield Face(
        [(s, 0.1, front), (s, 0.75, front + 0.2), (s, 0.8, front + 1.8), (s, 0.1, front + 2.1)],
        shade(vehicle.colour, 0.6),
    )
    yield Face(
        flat([(-0.3, 0.55), (0.3, 0.55), (0.36, 1.1), (0.25, 1.32), (-0.25, 1.32), (-0.36, 1.1)], 0.8),
        CLOTH if vehicle.look < 0.7 else (0.7, 0.65, 0.1),
    )
    yield Face(
        flat([(-0.2, 0.6), (0.2, 0.6), (0.22, 1.05), (-0.22, 1.05)], 0.3),
        vehicle.colour,
    )
    yield Face(flat([(-0.13, 1.3), (0.13, 1.3), (0.13, 1.55), (-0.13, 1.55)], 0.8), vehicle.colour)
    x, y, z = lamps_of(vehicle, s, front)[0]
    yield Face(
        [(x - 0.1, y - 0.09, z), (x + 0.1, y - 0.09, z), (x + 0.1, y + 0.09, z), (x - 0.1, y + 0.09, z)],
        (0.95, 0.95, 0.9),
        True,
    )


def faces_of(scene: Scene, vehicle: Vehicle, t: float) -> list[Face]:
    """All that is seen of a vehicle, the farthest first, on the straight road: the
    bend is applied where its front is."""
    front = vehicle.front(t)
    s = scene.middle(vehicle, t)
    s += scene.bend * max(front, 0) ** 2 / 2
    half = vehicle.size[0] / 2
    if vehicle.kind == "motorcycle":
        return list(rider(vehicle, s, front))
    faces: list[Face] = []
    if s - half > 0:
        faces += side_of(vehicle, s - half, front)
    elif s + half < 0:
        faces += side_of(vehicle, s + half, front)
    return faces + list(front_of(vehicle, s, front))
