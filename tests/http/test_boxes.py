"""POST /cam: the rules for boxes, several boxes, and the model's calibration."""

from __future__ import annotations

import io
import json
import math
import pathlib

import pytest
from conftest import LARGE, ROOT, Server, running
from PIL import Image
from test_models import FORMS, INPUT

SIDES = ("x", "y", "width", "height")
WIDTH, HEIGHT = 60, 44
CALIBRATION = {
    "threshold": 0.3,
    "scale": 0.75,
    "shift": [0.5, -0.25],
    "found_on": {
        "data": "photos by hand",
        "photos": 3,
        "method": "cam",
        "correct": 0.5,
        "paper": 0.25,
    },
}


def small_photo() -> bytes:
    """The cat, small enough for plain Python."""
    photo = Image.open(ROOT / "static/samples/chelsea.png").resize((WIDTH, HEIGHT))
    out = io.BytesIO()
    photo.save(out, "png")
    return out.getvalue()


def ask(server: Server, **options: object) -> dict:
    """The answer for the small photo."""
    response = server.cam(small_photo(), params={"heatmap": "none", **options})
    assert response.status_code == 200, response.text
    return response.json()


def tap(at: int, size: int, cells: int) -> tuple[int, int, float]:
    """Two cells and how much the second one counts."""
    place = min(max((at + 0.5) / size * cells - 0.5, 0), cells - 1)
    first = min(int(place), cells - 2)
    return first, first + 1, place - first


def upsampled(values: list[list[float]]) -> list[list[float]]:
    """Bilinear between the centres of cells, and negative values are 0."""
    grid = []
    for y in range(HEIGHT):
        top, bottom, down = tap(y, HEIGHT, len(values))
        row = []
        for x in range(WIDTH):
            left, right, along = tap(x, WIDTH, len(values[0]))
            upper = values[top][left] * (1 - along) + values[top][right] * along
            lower = values[bottom][left] * (1 - along) + values[bottom][right] * along
            row.append(max(0.0, upper * (1 - down) + lower * down))
        grid.append(row)
    return grid


def components(grid: list[list[float]], cut: float) -> list[dict]:
    """By flood fill: box, area, and sum."""
    left = {(x, y) for y in range(HEIGHT) for x in range(WIDTH) if grid[y][x] > cut}
    found = []
    while left:
        stack = [min(left, key=lambda at: at[::-1])]
        left.discard(stack[0])
        cells = []
        while stack:
            x, y = stack.pop()
            cells.append((x, y))
            near = {(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            stack += near
        columns, rows = zip(*cells, strict=True)
        x, y = min(columns), min(rows)
        box = (x, y, max(columns) - x + 1, max(rows) - y + 1)
        total = sum(grid[y][x] for x, y in cells)
        found.append({"box": box, "area": len(cells), "sum": total})
    return found


def sides(box: dict) -> tuple[int, ...]:
    """x, y, width, height."""
    return tuple(box[side] for side in SIDES)


@pytest.mark.parametrize("class_", ["285", "283", "700"])
@pytest.mark.parametrize("rule", ["paper", "gradcam", "otsu"])
def test_boxes_are_those_of_a_flood_fill(
    server: Server, rule: str, class_: str
) -> None:
    """At the threshold of the answer, on the map of the answer."""
    options = {"box": rule, "boxes": 16, "class": class_, "values": 1}
    answer = ask(server, **options)
    grid = upsampled(answer["map"]["values"])
    cut = answer["box"]["threshold"] * max(map(max, grid))
    found = components(grid, cut)
    heavy = sorted(found, key=lambda one: -one["sum"])[:16]
    total = sum(map(sum, grid))

    assert answer["box"]["rule"] == rule
    assert sides(answer["box"]) == max(found, key=lambda one: one["area"])["box"]
    assert [sides(box) for box in answer["boxes"]] == [one["box"] for one in heavy]
    shares = [box["share"] for box in answer["boxes"]]
    assert shares == pytest.approx([one["sum"] / total for one in heavy], abs=1e-4)


def test_thresholds_are_those_of_the_rules(server: Server) -> None:
    """By their definitions."""
    answers = {
        rule: ask(server, box=rule, values=1)
        for rule in ("paper", "gradcam", "otsu", "percentile", "authors")
    }
    grid = upsampled(answers["otsu"]["map"]["values"])
    cells = sorted(value for row in grid for value in row)
    bins = [min(255, int(value / cells[-1] * 256)) for value in cells]

    def between(last: int) -> float:
        below = [b for b in bins if b <= last]
        above = [b for b in bins if b > last]
        if not below or not above:
            return 0
        apart = sum(below) / len(below) - sum(above) / len(above)
        return len(below) * len(above) * apart**2

    threshold = {rule: answers[rule]["box"]["threshold"] for rule in answers}
    assert threshold["paper"] == 0.2
    assert threshold["gradcam"] == 0.15
    last = max(range(256), key=between)
    assert threshold["otsu"] == pytest.approx((last + 1) / 256, abs=1e-6)
    place = math.ceil(0.6 * len(cells)) - 1
    assert threshold["percentile"] == pytest.approx(cells[place] / cells[-1], abs=1e-4)
    assert threshold["authors"] == pytest.approx(20 / 255, abs=1e-6)


def test_a_class_of_several_has_its_own_boxes(server: Server) -> None:
    """In the list, and for the first one in the answer."""
    answer = ask(server, box="otsu", boxes=3, **{"class": "top"}, top=3)

    assert answer["boxes"] == answer["classes"][0]["boxes"]
    for entry in answer["classes"]:
        shares = [box["share"] for box in entry["boxes"]]
        assert 1 <= len(shares) <= 3
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
    alone = ask(server, box="otsu")
    assert "boxes" not in alone
    assert alone["box"] == answer["box"]


def test_boxes_can_be_drawn_into_the_heatmap(server: Server) -> None:
    """White lines within black ones; elsewhere it is the overlay."""
    png = {"Accept": "image/png"}
    pictures = {}
    for kind in ("overlay", "boxes"):
        options = {"heatmap": kind, "alpha": "0.25", "box": "otsu"}
        answer = server.cam(small_photo(), params=options, headers=png)
        pictures[kind] = Image.open(io.BytesIO(answer.content)).convert("RGB")
    x, y, width, height = sides(ask(server, box="otsu")["box"])

    for at in range(WIDTH):
        for down in range(HEIGHT):
            within = min(at - x, down - y, x + width - 1 - at, y + height - 1 - down)
            pixel = pictures["boxes"].getpixel((at, down))
            if within in (0, 1):
                assert pixel == ((0, 0, 0), (255, 255, 255))[within]
            else:
                assert pixel == pictures["overlay"].getpixel((at, down))


def bundle(folder: pathlib.Path, box: dict | None) -> str:
    """A model with a calibration."""
    folder.mkdir()
    spec = {"name": folder.name, "input": INPUT, "onnx": {"file": "model.onnx"}}
    if box:
        spec["box"] = box
    (folder / "model.json").write_text(json.dumps(spec))
    (folder / "model.onnx").write_bytes((FORMS / "legacy13.onnx").read_bytes())
    return str(folder)


def moved(box: dict, answer: dict) -> tuple[int, ...]:
    """What the calibration makes of a box."""
    edges = []
    for start, length, shift in zip(
        ("x", "y"), ("width", "height"), CALIBRATION["shift"], strict=True
    ):
        size, cells = answer["image"][length], answer["map"][length]
        half = CALIBRATION["scale"] * box[length] / 2
        centre = box[start] + box[length] / 2 + shift * size / cells
        first = min(max(math.floor(centre - half + 0.5), 0), size - 1)
        last = min(max(math.floor(centre + half + 0.5), first + 1), size)
        edges.append((first, last - first))
    return edges[0][0], edges[1][0], edges[0][1], edges[1][1]


def test_a_calibration_is_told_and_applied(tmp_path: pathlib.Path) -> None:
    """A threshold, then shift and scale; a model without one refuses the rule."""
    with_one = bundle(tmp_path / "with", CALIBRATION)
    without = bundle(tmp_path / "without", None)
    with running("--model", with_one, "--model", without) as server:
        told = {
            model["name"]: model for model in server.get("/models").json()["models"]
        }
        assert told["with"]["box"] == CALIBRATION
        assert told["without"]["box"] is None
        model = server.get("/model", params={"model": "with"}).json()
        assert model["box"] == CALIBRATION

        options = {"model": "with", "class": [str(i) for i in range(7)]}
        plain = ask(server, threshold=0.3, **options)
        answer = ask(server, box="calibrated", **options)
        assert any(entry["box"] for entry in answer["classes"])
        for raw, entry in zip(plain["classes"], answer["classes"], strict=True):
            if raw["box"]:
                box = entry["box"]
                assert (box["rule"], box["threshold"]) == ("calibrated", 0.3)
                assert sides(box) == moved(raw["box"], plain | {"map": raw["map"]})

        for params in ({"model": "without"}, {"model": "without", "boxes": 2}):
            params["box"] = "calibrated"
            refused = server.cam(small_photo(), params=params)
            assert refused.status_code == 422
            assert "no calibration" in refused.json()["detail"]


def test_the_object_lies_in_a_finer_map(server: Server) -> None:
    """By flood fill at the three thresholds of docs/boxes.md; then 5 % more."""
    options = {"box": "object", "map": "object", "values": 1, "class": "285"}
    answer = ask(server, **options)
    grid = upsampled(answer["map"]["values"])
    ends = []
    for cut in (0.66, 0.76, 0.86):
        x, y, width, height = max(components(grid, cut), key=lambda one: one["area"])[
            "box"
        ]
        ends.append((x, y, x + width, y + height))
    mean = [math.floor(sum(end) / 3 + 0.5) for end in zip(*ends, strict=True)]
    low, high = [], []
    for first, last, size in ((mean[0], mean[2], WIDTH), (mean[1], mean[3], HEIGHT)):
        centre, half = (first + last) / 2, (last - first) / 2 * 1.05
        low.append(max(math.floor(centre - half + 0.5), 0))
        high.append(min(math.floor(centre + half + 0.5), size))

    assert answer["map"]["kind"] == "object"
    assert (answer["map"]["width"], answer["map"]["height"]) == (28, 28)
    assert answer["box"]["rule"] == "object"
    assert (answer["box"]["seed"], answer["box"]["layer"]) == (
        "gradient",
        "block10.add",
    )
    assert sides(answer["box"]) == (*low, high[0] - low[0], high[1] - low[1])
    own = ask(server, box="object", values=1, **{"class": "285"})
    assert own["map"]["kind"] == "evidence"
    assert own["map"]["width"] == 7
    assert sides(own["box"]) == sides(answer["box"])


def test_a_second_pass_looks_at_the_part_around_the_object(server: Server) -> None:
    """The new map is the mean of the first, cut to the part, and of that of the part as
    a photo of its own, which Pillow cuts out."""
    photo = Image.new("RGB", (150, 120), (90, 110, 90))
    photo.paste(Image.open(io.BytesIO(small_photo())), (20, 60))
    shown = {"heatmap": "none", "map": "object", "values": 1, "class": "285"}

    def asked(image: Image.Image, **options: object) -> dict:
        file = io.BytesIO()
        image.save(file, "png")
        answer = server.cam(file.getvalue(), params=shown | options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    first, fine = asked(photo), asked(photo, quality="fine")
    part = fine["map"]["region"]
    left, top = part["x"], part["y"]
    right, bottom = left + part["width"], top + part["height"]
    place = (left, top, right, bottom)
    closer = asked(photo.resize((224, 224), Image.Resampling.BICUBIC, box=place))

    assert (first["box"]["quality"], fine["box"]["quality"]) == ("fast", "fine")
    assert "fallback" not in fine["box"]
    assert (first["explanation"]["passes"], fine["explanation"]["passes"]) == (1, 2)
    assert part["width"] < 120
    assert first["classes"] == fine["classes"]
    x, y, width, height = sides(fine["box"])
    assert left - 1 < x and x + width < right + 1
    assert top - 1 < y and y + height < bottom + 1
    whole = first["map"]["values"]
    for row in range(28):
        down = (top + (row + 0.5) / 28 * part["height"]) / 120 * 28 - 0.5
        for column in range(28):
            along = (left + (column + 0.5) / 28 * part["width"]) / 150 * 28 - 0.5
            cut = between(whole, down, along)
            mean = (cut + closer["map"]["values"][row][column]) / 2
            # another rounding of the part's pixels
            assert abs(fine["map"]["values"][row][column] - mean) < 0.02


def between(values: list[list[float]], down: float, along: float) -> float:
    """Bilinear, at a place among the cells."""
    down = min(max(down, 0), len(values) - 1)
    along = min(max(along, 0), len(values[0]) - 1)
    y, x = min(int(down), len(values) - 2), min(int(along), len(values[0]) - 2)
    low, high = (r[x] + (along - x) * (r[x + 1] - r[x]) for r in values[y : y + 2])
    return low + (down - y) * (high - low)


def test_an_object_that_fills_the_photo_is_not_looked_at_again(server: Server) -> None:
    """Nor is anything by another rule."""
    answer = ask(server, quality="fine", **{"class": "285"})
    assert answer["box"].pop("quality") == "fast"
    assert "would see the same" in answer["box"].pop("fallback")
    assert answer["explanation"]["passes"] == 1
    assert sides(answer["box"]) == sides(ask(server, **{"class": "285"})["box"])
    refused = server.cam(small_photo(), params={"quality": "fine", "box": "otsu"})
    assert refused.status_code == 422
    assert "box rule object" in refused.json()["detail"]


@LARGE
def test_a_map_of_pixels_falls_back_to_the_paper(server: Server) -> None:
    """And says why."""
    answer = ask(server, method="saliency", map="object")
    plain = ask(server, method="saliency", box="paper")

    assert answer["map"]["kind"] == "evidence"
    assert answer["box"].pop("fallback").startswith("the method explains pixels")
    assert answer["box"] == plain["box"]
