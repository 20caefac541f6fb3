"""Draws frames of a scene, at twice their size: road, sky, vehicles, light, weather."""

from __future__ import annotations

import numpy as np
import vehicles
from PIL import Image, ImageDraw, ImageFilter
from scene import EYE, FOCUS, HEIGHT, HORIZON, LANE, MIDDLE, RATE, WIDTH, Scene, Vehicle

FINE = 2  # the canvas is so many times the frame
W, H = FINE * WIDTH, FINE * HEIGHT

# Light: how bright the world is, the sky at the top and at the horizon.
SKIES = {
    "day": (1.0, (0.42, 0.60, 0.85), (0.80, 0.87, 0.93)),
    "low sun": (0.95, (0.45, 0.55, 0.75), (0.98, 0.85, 0.62)),
    "dusk": (0.42, (0.18, 0.22, 0.38), (0.72, 0.45, 0.33)),
    "night": (0.24, (0.02, 0.03, 0.06), (0.07, 0.07, 0.10)),
}
RAIN_SKY, FOG = (0.60, 0.62, 0.65), (0.72, 0.73, 0.75)
PAINT = np.array((0.86, 0.86, 0.84), np.float32)
GRASS = np.array((0.20, 0.29, 0.12), np.float32)
SOIL = np.array((0.34, 0.31, 0.27), np.float32)
STEEL = (0.58, 0.60, 0.62)


class Painter:
    """Draws the frames of one scene. What stays the same for all, such as the
    grain of the asphalt and the drops on the lens, is drawn by chance once."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rng = np.random.default_rng([scene.seed, 2])
        self.grain = rng.normal(0, 1, (256, 256)).astype(np.float32)
        self.tone = np.array((1, 1, 1)) * rng.uniform(0.22, 0.42) + rng.normal(0, 0.01, 3)
        self.tone = self.tone.astype(np.float32)
        self.verge = GRASS if rng.random() < 0.7 else SOIL
        self.ridge = np.convolve(rng.normal(0, 1, W + 60), np.ones(30) / 6, "same")
        self.ridge = np.abs(self.ridge[30 : 30 + W]) * rng.uniform(2, 9)
        self.bridges = rng.uniform(0, 1) < 0.3 and scene.light in ("day", "low sun")
        self.offset = float(rng.uniform(0, 100))
        self.sun = (rng.uniform(0.15, 1.0) * W, (HORIZON - rng.uniform(3, 20)) * FINE)
        self.sight = {"clear": 900.0, "rain": 180.0, "fog": rng.uniform(28, 70)}[scene.weather]
        if scene.blind == "fog":
            self.sight = float(rng.uniform(1.5, 4))
        self.drops = self.any_drops(rng)
        self.mud = self.any_mud(rng) if scene.blind == "mud" else None
        self.noise = {"night": 0.022, "dusk": 0.014}.get(scene.light, 0.008)
        bright, top, bottom = SKIES[scene.light]
        if scene.weather != "clear":
            grey = RAIN_SKY if scene.weather == "rain" else FOG
            share = min(1.0, bright)
            top = bottom = tuple(share * g for g in grey)
            bright *= 0.8
        if scene.blind == "fog":
            top = bottom = tuple(bright * g for g in FOG)
        self.bright, self.top, self.bottom = bright, np.array(top), np.array(bottom)
        self.haze = self.bottom if scene.blind != "fog" else np.array(FOG) * max(0.25, bright)

    # ---- what is on the lens ----

    def any_drops(self, rng: np.random.Generator) -> np.ndarray:
        """x, y, radius of each drop, and how fast it runs down."""
        count = int(rng.integers(4, 26)) if self.scene.weather == "rain" else 0
        if self.scene.blind == "water":
            count = 150
        size = rng.gamma(4.0, 0.9, count) * (1.0 if self.scene.blind != "water" else 2.6)
        return np.stack(
            [
                rng.uniform(0, W, count),
                rng.uniform(0, H, count),
                np.clip(size, 2, 22),
                rng.exponential(4.0, count),
            ],
            axis=1,
        )

    def any_mud(self, rng: np.random.Generator) -> np.ndarray:
        """How much of the light the dirt lets through, for each pixel."""
        coarse = Image.fromarray(rng.normal(0.30, 0.22, (6, 11)).astype(np.float32))
        smooth = np.asarray(coarse.resize((W, H), Image.Resampling.BICUBIC))
        return np.clip(0.5 - 1.6 * smooth, 0.0, 0.35)[:, :, None]

    # ---- the world ----

    def fogged(self, colour, z):
        """A colour as it is seen from a distance z."""
        left = np.exp(-np.asarray(z) / self.sight)
        return colour * left + self.haze * (1 - left)

    def ground_at(self, shift: np.ndarray) -> tuple:
        """Rows of the canvas below the horizon; Z of each, and X of each pixel."""
        v = (np.arange(H) + 0.5) / FINE - HORIZON - shift[1]
        rows = np.nonzero(v > 0.35)[0]
        z = (FOCUS * EYE / v[rows])[:, None].astype(np.float32)
        u = ((np.arange(W) + 0.5) / FINE - MIDDLE - shift[0]).astype(np.float32)
        return rows, z, u[None, :] * z / FOCUS

    def stripe(self, s, z, at: float, half: float = 0.09):
        """How much of a pixel a line at s = at covers."""
        pixel = z / FOCUS / FINE
        return np.clip((half - np.abs(s - at)) / pixel + 0.5, 0, 1) * np.minimum(
            1, 3 * half / pixel
        )

    def road(self, t: float, s, z) -> np.ndarray:
        """The colours of the ground in plain daylight."""
        scene = self.scene
        line = scene.line(t)
        along = z - scene.pace * t - self.offset  # what is passed runs away behind
        edge = line + LANE * scene.lanes
        grain = self.grain[(s * 9).astype(int) % 256, (along * 3).astype(int) % 256]
        coarse = self.grain[(s * 1.5).astype(int) % 256, (along * 0.2).astype(int) % 256]
        fade = np.exp(-z / 14)
        level = 1 + 0.10 * grain * fade + 0.05 * coarse
        colour = self.tone * level[:, :, None]
        worn = np.exp(-(((s - line) / LANE % 1 - 0.25) ** 2) / 0.01)
        worn += np.exp(-(((s - line) / LANE % 1 - 0.75) ** 2) / 0.01)
        colour = colour * (1 - 0.10 * worn[:, :, None])
        beyond = (s > edge + 0.9)[:, :, None]
        green = self.verge * (1 + 0.25 * grain * fade)[:, :, None]
        colour = np.where(beyond, green, colour)
        dashes = (along % 18 < 6) | scene.solid
        covered = self.stripe(s, z, edge) if scene.lanes else 0 * s
        covered = covered + self.stripe(s, z, line) * dashes
        covered = covered + self.stripe(s, z, line - LANE) * (along % 18 < 6)
        if scene.lanes > 1:
            covered = covered + self.stripe(s, z, line + LANE) * (along % 18 < 6)
        covered = np.clip(covered, 0, 1)[:, :, None]
        colour = colour * (1 - covered) + PAINT * covered
        if self.bridges:
            colour = colour * (1 - 0.5 * ((along % 140) < 9))[:, :, None]
        return colour

    def shadows(self, t: float, s, z) -> np.ndarray:
        """How dark vehicles make the ground, 0..1."""
        dark = 0 * s
        slant = {"low sun": 1.5, "day": 0.5}.get(self.scene.light, 0.1)
        for vehicle in self.scene.vehicles:
            width, _, length = vehicle.size
            front, middle = vehicle.front(t), self.scene.middle(vehicle, t)
            soft = 0.15 + 0.02 * np.abs(z)
            inside = np.clip((width / 2 + 0.1 + slant / 2 - np.abs(s - middle - slant / 2)) / soft, 0, 1)
            inside = inside * np.clip((z - front + 0.5) / soft, 0, 1)
            dark = np.maximum(dark, inside * np.clip((front + length - z) / soft, 0, 1))
        return dark

    def beams(self, t: float, s, z) -> np.ndarray:
        """What headlamps add to the ground before them."""
        light = 0 * s
        for vehicle in self.scene.vehicles:
            front = vehicle.front(t)
            aside = s - self.scene.middle(vehicle, t)
            ahead = front - z
            cone = np.exp(-((aside / (0.9 + 0.12 * np.abs(ahead))) ** 2))
            light = light + cone * np.exp(-np.clip(ahead, 0, None) / 9) * (ahead > -0.5)
        return light

    def sky(self, shift: np.ndarray) -> np.ndarray:
        """Sky and ridge, for the whole canvas."""
        v = ((np.arange(H) + 0.5) / FINE - HORIZON - shift[1]) / HORIZON
        share = np.clip(1 + v, 0, 1)[:, None, None]
        out = np.broadcast_to(self.top * (1 - share) + self.bottom * share, (H, W, 3)).copy()
        top = HORIZON + shift[1] - np.roll(self.ridge, int(FINE * shift[0])) / FINE
        ridge = ((np.arange(H) + 0.5) / FINE)[:, None] > top[None, :]
        dark = self.fogged(np.array((0.16, 0.20, 0.14)) * self.bright, 160)
        out[ridge] = dark
        return out

    # ---- polygons ----

    def polygon(self, draw: ImageDraw.ImageDraw, points: list, colour, shift) -> None:
        """Draws a polygon in space."""
        seen = vehicles.before(points)
        if len(seen) < 3:
            return
        z = float(np.mean([p[2] for p in seen]))
        level = np.clip(self.fogged(np.array(colour), z), 0, 1)
        corners = [
            (
                FINE * (MIDDLE + shift[0] + FOCUS * x / z),
                FINE * (HORIZON + shift[1] + FOCUS * (EYE - y) / z),
            )
            for x, y, z in seen
        ]
        corners = [(max(-4000, min(4000, x)), max(-4000, min(4000, y))) for x, y in corners]
        draw.polygon(corners, fill=tuple(int(255 * c) for c in level))

    def rail(self, draw: ImageDraw.ImageDraw, t: float, shift) -> None:
        """A crash barrier beyond the outermost lane."""
        scene = self.scene
        s = scene.line(t) + LANE * scene.lanes + 1.2
        depths = np.geomspace(1.0, 150, 26)
        for near, far in zip(depths[-2::-1], depths[:0:-1], strict=True):
            a, b = scene.x_of(s, near), scene.x_of(s, far)
            quad = [(a, 0.45, near), (b, 0.45, far), (b, 0.8, far), (a, 0.8, near)]
            self.polygon(draw, quad, np.array(STEEL) * self.bright, shift)
        along = scene.pace * t + self.offset
        for i in range(12):
            z = 4.0 * i + along % 4.0
            x = scene.x_of(s, z)
            post = [(x, 0, z), (x, 0, z + 0.15), (x, 0.6, z + 0.15), (x, 0.6, z)]
            self.polygon(draw, post, np.array((0.3, 0.3, 0.3)) * self.bright, shift)

    def flank(self, draw: ImageDraw.ImageDraw) -> None:
        """The side of the own car, which does not shake."""
        paint = np.array(self.scene.own) * max(0.12, self.bright)
        shapes = [
            ([(-2, -12), (33, 14), (35, 30), (33, 55), (14, 82), (-2, 82)], paint),
            ([(-2, -10), (30, 14), (31, 24), (-2, 22)], np.array(vehicles.GLASS) * self.bright),
            ([(-2, 40), (33, 36), (33, 38), (-2, 44)], paint * 1.25),
            ([(-2, 60), (32, 52), (31, 56), (-2, 72)], paint * 0.6),
        ]
        for points, colour in shapes:
            fill = tuple(int(255 * c) for c in np.clip(colour, 0, 1))
            draw.polygon([(FINE * x, FINE * y) for x, y in points], fill=fill)

    def lamps(self, t: float, shift) -> list[tuple[float, float, float]]:
        """x, y on the canvas and distance of all headlamps that are seen."""
        out = []
        for vehicle in sorted(self.scene.vehicles, key=lambda v: v.front(t)):
            front = vehicle.front(t)
            s = self.scene.middle(vehicle, t) + self.scene.bend * max(front, 0) ** 2 / 2
            for x, y, z in vehicles.lamps_of(vehicle, s, front):
                if z > 0.8:
                    u = MIDDLE + shift[0] + FOCUS * x / z
                    v = HORIZON + shift[1] + FOCUS * (EYE - y) / z
                    out.append((FINE * u, FINE * v, z))
        return out

    # ---- light and weather, over the picture ----

    def glow(self, picture: np.ndarray, t: float, shift) -> None:
        """Headlamps in the dark, and their light on a wet road."""
        if self.bright > 0.6 and self.scene.weather == "clear":
            return
        strength = 0.9 if self.bright < 0.6 else 0.35
        y, x = np.mgrid[0:H, 0:W].astype(np.float32)
        for u, v, z in self.lamps(t, shift):
            size = np.clip(46 / z, 1.6, 9)
            left = strength * np.exp(-z / (2 * self.sight))
            r2 = (x - u) ** 2 + (y - v) ** 2
            light = np.exp(-r2 / (2 * size**2)) + 0.25 * np.exp(-r2 / (2 * (3.5 * size) ** 2))
            if self.scene.weather == "rain":
                down = np.clip(y - v, 0, None)
                light += 0.4 * np.exp(-(((x - u) / (1.2 * size)) ** 2) - down / 22) * (y > v)
            picture += (left * light)[:, :, None] * np.array((1, 0.97, 0.88))

    def sunshine(self, picture: np.ndarray) -> np.ndarray:
        """A sun near the horizon, and its veil; as glare it hides everything."""
        blind = self.scene.blind == "glare"
        if not blind and (self.scene.light != "low sun" or self.scene.weather != "clear"):
            return picture
        y, x = np.mgrid[0:H, 0:W].astype(np.float32)
        r = np.hypot(x - self.sun[0], y - self.sun[1])
        veil = 0.9 * np.exp(-r / 14) + (0.28 if not blind else 1.5) * np.exp(
            -r / (90 if not blind else 260)
        )
        return picture + veil[:, :, None] * np.array((1, 0.93, 0.78))

    def wet_lens(self, picture: np.ndarray, t: float) -> np.ndarray:
        """Drops turn what is behind them upside down, and blur it."""
        if not len(self.drops):
            return picture
        source = Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8))
        blurred = np.asarray(source.filter(ImageFilter.GaussianBlur(3)), np.float32) / 255
        out = picture.copy()
        if self.scene.blind == "water":
            out = np.asarray(source.filter(ImageFilter.GaussianBlur(14)), np.float32) / 255
        for x, y, radius, run in self.drops:
            cx, cy = x, (y + run * t) % H
            x0, x1 = max(0, int(cx - radius)), min(W, int(cx + radius) + 1)
            y0, y1 = max(0, int(cy - radius)), min(H, int(cy + radius) + 1)
            if x1 <= x0 or y1 <= y0:
                continue
            yy, xx = np.mgrid[y0:y1, x0:x1]
            r = np.hypot(xx - cx, yy - cy) / radius
            sy = np.clip(cy - 3.5 * (yy - cy), 0, H - 1).astype(int)
            sx = np.clip(cx - 3.5 * (xx - cx), 0, W - 1).astype(int)
            seen = blurred[sy, sx] * (1.08 - 0.35 * r[:, :, None] ** 4)
            share = np.clip((1 - r) * radius, 0, 1)[:, :, None] * 0.85
            out[y0:y1, x0:x1] = out[y0:y1, x0:x1] * (1 - share) + seen * share
        return out

    # ---- a frame ----

    def light_ground(self, t: float, s, z) -> np.ndarray:
        """The ground in the light of the scene."""
        scene = self.scene
        colour = self.road(t, s, z)
        if scene.weather == "rain":
            colour = colour * 0.72
        depth = {"low sun": 0.6, "day": 0.6}.get(scene.light, 0.45)
        if scene.weather != "clear":
            depth *= 0.7
        colour = colour * (1 - depth * self.shadows(t, s, z))[:, :, None] * self.bright
        if self.bright < 0.6:
            colour = colour + self.road(t, s, z) * (0.7 * self.beams(t, s, z))[:, :, None]
        if scene.light == "low sun":
            colour = colour * np.array((1.08, 0.98, 0.82))
        return self.fogged(colour, z[:, :, None])

    def world(self, t: float, shift: np.ndarray) -> np.ndarray:
        """The scene without what the lens and the light do."""
        scene = self.scene
        picture = self.sky(shift)
        rows, z, x = self.ground_at(shift)
        picture[rows] = self.light_ground(t, x - scene.bend * z * z / 2, z)
        canvas = Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8))
        draw = ImageDraw.Draw(canvas)
        if scene.barrier:
            self.rail(draw, t, shift)
        for vehicle in sorted(scene.vehicles, key=lambda v: (-v.front(t), -v.lane)):
            self.vehicle(draw, vehicle, t, shift)
        self.flank(draw)
        return np.asarray(canvas, np.float32) / 255

    def vehicle(self, draw, vehicle: Vehicle, t: float, shift) -> None:
        """Draws a vehicle, in the light of the scene."""
        for face in vehicles.faces_of(self.scene, vehicle, t):
            level = 1.0 if face.lamp and self.bright < 0.6 else max(self.bright, 0.1)
            self.polygon(draw, face.points, np.array(face.colour) * level, shift)

    def frame(self, number: int, t: float, shift: np.ndarray) -> np.ndarray:
        """Frame `number`, at a time: (HEIGHT, WIDTH, 3) bytes."""
        rng = np.random.default_rng([self.scene.seed, 3, number])
        picture = self.world(t, shift)
        self.glow(picture, t, shift)
        picture = self.sunshine(picture)
        picture = self.wet_lens(picture, t)
        if self.mud is not None:
            picture = picture * self.mud + (1 - self.mud) * np.array((0.16, 0.13, 0.10)) * max(
                0.3, self.bright
            )
        small = picture.reshape(HEIGHT, FINE, WIDTH, FINE, 3).mean((1, 3))
        small = small + rng.normal(0, self.noise, small.shape)
        return (255 * np.clip(small, 0, 1) + 0.5).astype(np.uint8)


def times(count: int, every: int) -> list[float]:
    """When the frames are, in seconds, of every so many that the camera takes."""
    return [i * every / RATE for i in range(count)]
