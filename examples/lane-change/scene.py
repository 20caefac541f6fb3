"""What happens on the road: who drives where, in what light, and what is true of it.

The camera sits in the left wing mirror and looks back. Distances are in metres:
Z behind the camera, X to the right of its picture (the left of the car), Y above the
road. Along a bend, a place on the road is s = X - bend Z^2 / 2. The line between the
own lane and the adjacent one is at s = line(t); the adjacent lane is LANE wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

WIDTH, HEIGHT = 160, 80  # of a frame, in pixels
RATE = 10  # frames in a second
FOCUS, MIDDLE, HORIZON = 110.0, 45.0, 27.0  # in pixels
EYE = 1.1  # the height of the camera
NEAREST = 0.4  # what is nearer to the camera is not seen
LANE = 3.6
HOME = 0.85  # where the line is while the car keeps to the middle of its lane
CROSSING = (-2.6, 0.3)  # where it is while it is being crossed
ZONE = 24.0  # a vehicle in the adjacent lane up to here blocks it
BORDER = (22.0, 26.0)  # between these, nobody could say: such frames are marked
SLIVER = 8  # pixels of a vehicle that has nearly passed: the same

BLOCKED, FREE, UNDEFINED = LABELS = ("BLOCKED", "FREE", "UNDEFINED")

#            width  height  length
SIZES = {
    "car": (1.80, 1.45, 4.3),
    "van": (2.00, 2.20, 5.4),
    "lorry": (2.50, 3.60, 14.0),
    "motorcycle": (0.75, 1.55, 2.1),
}
SHARES = (0.55, 0.18, 0.17, 0.10)  # how often a vehicle is of each kind
LIGHTS = ("day", "low sun", "dusk", "night")
WEATHERS = ("clear", "rain", "fog")
BLINDNESS = ("fog", "water", "mud", "glare")  # why a frame cannot be read
STORIES = ("free", "blocked", "passing", "crossing", "no lane", "unreadable")

Box = tuple[int, int, int, int]  # x0, y0, x1, y1; half-open


@dataclass
class Vehicle:
    """One that follows, in lane -1 (the own), 0 (adjacent) or 1 (beyond)."""

    kind: str
    lane: int
    ahead: float  # Z of its front at t = 0
    speed: float  # at which it comes nearer, m/s
    colour: tuple[float, float, float]
    aside: float  # of the middle of its lane
    look: float  # 0..1, for details

    @property
    def size(self) -> tuple[float, float, float]:
        """Width, height, length."""
        return SIZES[self.kind]

    def front(self, t: float) -> float:
        """Z of its front."""
        return self.ahead - self.speed * t


@dataclass
class Scene:
    """A road, those on it, and how the camera sees them."""

    seed: int
    light: str = "day"
    weather: str = "clear"
    blind: str | None = None
    lanes: int = 1  # beside the own one
    bend: float = 0.0
    pace: float = 30.0  # of the own car, m/s
    drift: tuple[float, float, float, float] = (0, 0, 0, 0)  # see line()
    vehicles: list[Vehicle] = field(default_factory=list)
    shares: tuple[float, ...] = SHARES
    own: tuple[float, float, float] = (0.5, 0.5, 0.5)  # the colour of the own car
    shake: float = 0.3  # pixels
    solid: bool = False  # the line
    barrier: bool = True

    def line(self, t: float) -> float:
        """s of the line: from its home by drift[0] metres, begun at drift[1]
        seconds and done drift[2] seconds later; and a sway by drift[3]."""
        by, begin, long, sway = self.drift
        share = float(np.clip((t - begin) / long, 0, 1)) if long else 0.0
        share = share * share * (3 - 2 * share)
        return HOME - by * share + sway * float(np.sin(0.9 * t + self.seed % 7))

    def middle(self, vehicle: Vehicle, t: float) -> float:
        """s of the middle of a vehicle."""
        return self.line(t) + LANE * (vehicle.lane + 0.5) + vehicle.aside

    def x_of(self, s: float, z: float) -> float:
        """X of a place on the road."""
        return s + self.bend * z * z / 2


@dataclass
class Truth:
    """What is true of a frame. `near` says that a vehicle is so near to the end of
    the zone that either label would do; `boxes` are where the evidence is."""

    label: str
    near: bool
    boxes: list[Box]


# ---- truth ----


def place(x: float, y: float, z: float, shift: tuple[float, float]) -> tuple:
    """The pixel of a point."""
    return (
        MIDDLE + shift[0] + FOCUS * x / z,
        HORIZON + shift[1] + FOCUS * (EYE - y) / z,
    )


def clipped(xs: list[float], ys: list[float]) -> Box | None:
    """The box around points, in whole pixels of the frame."""
    x0, x1 = max(0, round(min(xs))), min(WIDTH, round(max(xs)))
    y0, y1 = max(0, round(min(ys))), min(HEIGHT, round(max(ys)))
    return (x0, y0, x1, y1) if x1 - x0 >= 2 and y1 - y0 >= 2 else None


def vehicle_box(
    scene: Scene, vehicle: Vehicle, t: float, shift: tuple[float, float]
) -> Box | None:
    """Around what the frame shows of a vehicle; None if that is nothing."""
    width, height, length = vehicle.size
    front = max(NEAREST, vehicle.front(t))
    back = vehicle.front(t) + length
    if back <= front:
        return None
    s = scene.middle(vehicle, t)
    points = [
        place(scene.x_of(s + side * width / 2, z), y, z, shift)
        for side in (-1, 1)
        for y in (0.0, height)
        for z in (front, back)
    ]
    box = clipped([x for x, _ in points], [y for _, y in points])
    return box if box and (box[2] - box[0]) * (box[3] - box[1]) >= 12 else None


def strips(
    scene: Scene, left: float, right: float, far: float, shift: tuple, widen: float
) -> list[Box]:
    """A strip of road from s = left to right, up to a distance, as flat boxes."""
    boxes = []
    for top in range(int(HORIZON), HEIGHT, 3):
        below = top + 1.5 - HORIZON - shift[1]
        z = FOCUS * EYE / below if below > 0 else far + 1
        if z > far:
            continue
        xs = [place(scene.x_of(s, z), 0, z, shift)[0] for s in (left, right)]
        xs = [min(xs) - widen, max(xs) + widen]
        box = clipped(xs, [top, min(top + 3, HEIGHT)])
        if box:
            boxes.append(box)
    return boxes


def truth(scene: Scene, t: float, shift: tuple[float, float]) -> Truth:
    """What is true at a time, the camera shaken by `shift` pixels."""
    line = scene.line(t)
    if scene.blind or scene.lanes == 0:
        return Truth(UNDEFINED, False, [])
    if CROSSING[0] < line < CROSSING[1]:
        return Truth(UNDEFINED, False, strips(scene, line, line, 40, shift, 4))
    seen = [
        (vehicle.front(t), box)
        for vehicle in scene.vehicles
        if vehicle.lane == 0
        and (box := vehicle_box(scene, vehicle, t, shift))
    ]
    sure = [front <= BORDER[0] and box[2] - box[0] >= SLIVER for front, box in seen]
    near = any(front < BORDER[1] for front, _ in seen) and not any(sure)
    boxes = [box for front, box in seen if front < ZONE]
    if boxes:
        return Truth(BLOCKED, near, boxes)
    return Truth(FREE, near, strips(scene, line, line + LANE, BORDER[1], shift, 0))


# ---- chance ----


def shifts(scene: Scene, count: int, every: int) -> np.ndarray:
    """How the camera is shaken in each frame, in pixels: (count, 2)."""
    rng = np.random.default_rng([scene.seed, 1])
    out = np.zeros((count, 2))
    for i in range(1, count):
        kept = 0.7 if every == 1 else 0.0
        out[i] = kept * out[i - 1] + rng.normal(0, scene.shake, 2) * (0.6, 1.0)
    return out


def add_vehicle(
    scene: Scene, rng: np.random.Generator, lane: int, ahead: float, speed: float
):
    """A vehicle of a random kind."""
    kind = str(rng.choice(list(SIZES), p=scene.shares))
    grey = rng.uniform(0.08, 0.9)
    paint = np.clip(grey + rng.normal(0, 0.16, 3) * (rng.random() < 0.6), 0.03, 0.95)
    aside = rng.uniform(-0.35, 0.35) if kind != "lorry" else rng.uniform(-0.2, 0.2)
    scene.vehicles.append(
        Vehicle(kind, lane, ahead, speed, tuple(paint), aside, float(rng.random()))
    )


def add_adjacent(scene: Scene, rng: np.random.Generator, story: str, long: float):
    """Those in the adjacent lane, by the story."""
    if story in ("free", "crossing") and rng.random() < 0.45:
        far = rng.uniform(29, 80)
        speed = rng.uniform(-4, min(8, (far - 27) / long))
        add_vehicle(scene, rng, 0, far, speed)
    elif story == "blocked":
        ahead = rng.uniform(1.0, 21.5)
        speed = rng.uniform((ahead - 21.5) / long, (ahead + 1.0) / long)
        speed = float(np.clip(speed, -6, 8))
        add_vehicle(scene, rng, 0, ahead, speed)
        if rng.random() < 0.25:
            add_vehicle(scene, rng, 0, ahead + rng.uniform(22, 40), speed)
    elif story == "passing":
        speed = rng.uniform(4, 15)
        add_vehicle(scene, rng, 0, rng.uniform(5, 20 + speed * long), speed)


def add_others(scene: Scene, rng: np.random.Generator):
    """Those that block nothing: behind in the own lane, and in the one beyond."""
    if rng.random() < 0.4:
        ahead, speed = rng.uniform(9, 60), rng.uniform(-2, 1)
        add_vehicle(scene, rng, -1, ahead, speed)
    if scene.lanes > 1:
        for _ in range(rng.integers(0, 3)):
            ahead, speed = rng.uniform(-2, 70), rng.uniform(-4, 12)
            add_vehicle(scene, rng, 1, ahead, speed)


def any_scene(
    seed: int, story: str, long: float, shares: tuple[float, ...] = SHARES
) -> Scene:
    """A scene of some seconds. The story is what it is likely to be about; what is
    true of each frame, truth() says."""
    rng = np.random.default_rng([seed, 0])
    scene = Scene(
        seed=seed,
        light=str(rng.choice(LIGHTS, p=(0.45, 0.15, 0.15, 0.25))),
        weather=str(rng.choice(WEATHERS, p=(0.6, 0.25, 0.15))),
        lanes=0 if story == "no lane" else int(rng.integers(1, 3)),
        bend=float(rng.choice([0, 1])) * float(rng.normal(0, 0.0012)),
        pace=float(rng.uniform(15, 40)),
        own=tuple(np.clip(rng.uniform(0.05, 0.8) + rng.normal(0, 0.1, 3), 0, 1)),
        shake=float(rng.choice([0.2, 0.5, 0.9])),
        solid=bool(rng.random() < 0.15) or story == "no lane",
        barrier=bool(rng.random() < 0.6),
        shares=shares,
    )
    sway = float(rng.uniform(0, 0.12))
    scene.drift = (float(rng.uniform(-0.25, 0.15)), -1.0, 0.5, sway)
    if story == "crossing":
        begin = rng.uniform(-long, long / 2)
        scene.drift = (float(rng.uniform(0.8, 2.6)), begin, rng.uniform(1, 2.5), 0.02)
    if story == "unreadable":
        scene.blind = str(rng.choice(BLINDNESS))
    add_adjacent(scene, rng, story if story != "unreadable" else "passing", long)
    add_others(scene, rng)
    return scene
