"""Seeing: maps, boxes, differences, values. What the page computes is held to
what the service does."""

from __future__ import annotations

import io
import itertools
import pathlib

import numpy as np
import pytest
from conftest import (
    Look,
    answer,
    box,
    bundle,
    by_paper,
    cells,
    headline,
    picture,
    pixels,
    serving,
    slide,
    upload,
)
from PIL import Image, ImageChops
from playwright.sync_api import Page, expect

COLORMAPS = ("auto", "jet", "turbo", "viridis", "inferno", "gray", "signed")
NEXT_COLOUR = 8  # levels of a channel from one colour of a map to the next, at most
THRESHOLDS = (0, 0.05, 0.2, 0.35, 0.5, 0.77, 0.95, 1)
SIDES = ("x", "y", "width", "height")
# The page's own functions, on maps of the service's answer.
BOXES = """async ([image, maps, thresholds]) => {
  const { cellsOf, gridOf, upsample, boxOf } = await import(`${location.origin}/map.js`);
  return maps.map((map) => {
    const grid = upsample(cellsOf(map), image, gridOf(image));
    return thresholds.map((threshold) => boxOf(grid, image, threshold));
  });
}"""


def no_requests(page: Page) -> list[str]:
    """A list that requests for evidence from now on are put on."""
    seen: list[str] = []
    page.on("request", lambda r: seen.append(r.url) if "/cam" in r.url else None)
    return seen


def sides(said: dict | None) -> dict | None:
    """A box of the service without its rule."""
    return said and {side: said[side] for side in SIDES}


def compare_boxes(page: Page, server: object, data: bytes, **options: object) -> int:
    """Holds the page's boxes for each class of a photo and each threshold to
    the service's; how many there were."""
    said = [
        server.cam(
            data,
            params={"class": "top", "heatmap": "none", "values": 1, "top": 6}
            | {"threshold": threshold}
            | options,
        ).json()
        for threshold in THRESHOLDS
    ]
    maps = [entry["map"] for entry in said[0]["classes"]]
    found = page.evaluate(BOXES, [said[0]["image"], maps, THRESHOLDS])
    wanted = [
        [sides(one["classes"][i]["box"]) for one in said] for i in range(len(maps))
    ]
    assert found == wanted
    return sum(len(row) for row in wanted)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("chelsea.png", None),
        ("astronaut.png", None),
        ("rocket.jpg", (333, 517)),
        ("coffee.png", (1501, 997)),  # on a grid that is smaller than the photo
    ],
)
def test_boxes_are_those_of_the_service(
    page: Page, server: object, name: str, size: tuple[int, int] | None
) -> None:
    """For every class listed and thresholds from end to end."""
    assert compare_boxes(page, server, picture(name, size)) == 6 * len(THRESHOLDS)


@pytest.mark.parametrize("resize", ["crop", "letterbox"])
def test_boxes_are_the_service_s_where_the_map_covers_a_part(
    look: Look, tmp_path: pathlib.Path, resize: str
) -> None:
    """Of the photo, or more than it."""
    folder = bundle(tmp_path / "tiny", "tiny", resize=resize)
    with (
        serving.running("--model", folder) as server,
        look(server.url + "/") as page,
    ):
        for size in ((451, 300), (200, 611)):
            data = picture("chelsea.png", size)
            compare_boxes(page, server, data, model="tiny")


def test_the_slider_moves_the_box_as_the_service_would(
    cat: Page, server: object
) -> None:
    """At once, without a request, and as it is drawn."""
    by_paper(cat)
    asked = no_requests(cat)
    for threshold in (0.61, 0.4, 0.9, 0.2):
        slide(cat, "#threshold", threshold)
        said = server.cam(params={"heatmap": "none", "threshold": threshold}).json()
        drawn = cat.locator("#box").evaluate(
            "r => Object.fromEntries(['x', 'y', 'width', 'height'].map("
            "(side) => [side, Number(r.getAttribute(side))]))"
        )
        assert box(cat) == drawn == sides(said["box"])
        shown = f"{round(100 * threshold)} %"
        expect(cat.locator("#threshold-value")).to_have_text(shown)
    assert asked == []


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_colours_are_those_of_the_service(
    cat: Page, server: object, colormap: str
) -> None:
    """The map alone to the level, and over the photo within what two roundings
    make. The page computes in doubles and the service in floats: where a pixel
    lies between two levels, which one in 10,000 may, it has the next colour."""
    cat.locator("#colormap").select_option(colormap)
    for opacity, level in ((1, 1), (0.5, 2)):
        slide(cat, "#opacity", opacity)
        options = {"colormap": colormap, "alpha": opacity}
        said = serving.httpx.post(
            server.url + "/cam",
            params=options,
            files={"image": serving.sample("chelsea.png")},
            headers={"Accept": "image/png"},
            timeout=60,
        )
        wanted = Image.open(io.BytesIO(said.content)).convert("RGB")
        apart = np.asarray(ImageChops.difference(pixels(cat), wanted)).max(axis=2)
        assert np.mean(apart > level) <= 1e-4
        assert apart.max() <= level + NEXT_COLOUR


def test_everything_but_classes_changes_without_a_request(cat: Page) -> None:
    """Opacity, colours, smooth or in blocks, sides, box and peak: each is
    another picture, and back again the same."""
    asked = no_requests(cat)
    first = pixels(cat)
    for change in ("#smooth", "#negative"):
        was = cat.locator(change).is_checked()
        cat.locator(change).set_checked(not was)
        assert pixels(cat).tobytes() != first.tobytes()
        cat.locator(change).set_checked(was)
        assert pixels(cat).tobytes() == first.tobytes()
    slide(cat, "#opacity", 0)
    sample = Image.open(io.BytesIO(serving.sample("chelsea.png"))).convert("RGB")
    assert pixels(cat).tobytes() == sample.tobytes()
    for change, mark in (("#show-box", "#box"), ("#show-peak", "#peak")):
        expect(cat.locator(mark)).to_be_visible()
        cat.locator(change).uncheck()
        expect(cat.locator(mark)).to_be_hidden()
    assert asked == []


def test_blocks_are_the_cells(cat: Page) -> None:
    """Without smoothing a cell has one colour."""
    cat.locator("#smooth").uncheck()
    slide(cat, "#opacity", 1)
    cat.locator("#colormap").select_option("gray")
    shown = pixels(cat)
    rows = cells(answer(cat)["classes"][0])
    most = max(max(row) for row in rows)
    for row, column in itertools.product(range(7), repeat=2):
        middle = ((column + 0.5) * shown.width / 7, (row + 0.5) * shown.height / 7)
        level = 255 * max(0, rows[row][column]) / most
        assert shown.getpixel(tuple(map(int, middle)))[0] == pytest.approx(level, abs=1)


def test_a_class_shows_its_own_map(cat: Page, server: object) -> None:
    """From the one request."""
    asked = no_requests(cat)
    before = pixels(cat)
    cat.locator('#classes .show[data-index="281"]').click()
    headline(cat, "tabby, 7.7 %")
    said = server.cam(params={"class": 281, "heatmap": "none"}).json()
    pressed = cat.locator('#classes .show[aria-pressed="true"]')
    expect(pressed).to_have_attribute("data-index", "281")
    assert sides(box(cat)) == sides(said["box"])
    assert pixels(cat).tobytes() != before.tobytes()
    assert asked == []


def test_bars_are_as_long_as_the_scores(cat: Page) -> None:
    """One for each class of the answer."""
    bars = cat.locator("#classes .bar")
    expect(bars).to_have_count(5)
    cat.emulate_media(reduced_motion="reduce")
    for i, entry in enumerate(answer(cat)["classes"]):
        share = bars.nth(i).evaluate(
            "b => b.firstChild.getBoundingClientRect().width / b.getBoundingClientRect().width"
        )
        assert share == pytest.approx(entry["score"], abs=0.01)


def test_two_classes_show_their_difference(cat: Page) -> None:
    """In two colours, with a box for each side; and it can be ended."""
    asked = no_requests(cat)
    cat.locator('#classes .compare[data-index="282"]').click()
    headline(cat, "Why Egyptian cat and not tiger cat?")
    expect(cat.locator("#box2")).to_be_visible()
    expect(cat.locator("#scale-mid")).to_contain_text("tiger cat")
    values = [cells(entry) for entry in answer(cat)["classes"][:2]]
    cat.locator("#canvas").focus()
    cat.keyboard.press("ArrowRight")
    apart = values[0][3][4] - values[1][3][4]
    number = f"{apart:.2f}" if abs(apart) < 10 else f"{apart:.1f}"
    expect(cat.locator("#readout")).to_contain_text(f"{number} in cell 5, 4 of 7 × 7")
    cat.locator('#classes .compare[data-index="282"]').click()
    headline(cat, "Egyptian cat, 77.1 %")
    expect(cat.locator("#box2")).to_be_hidden()
    assert asked == []


def test_pointing_at_the_picture_reads_the_map(cat: Page) -> None:
    """The value and the cell, also with the arrow keys."""
    canvas = cat.locator("#canvas")
    area = canvas.bounding_box()
    rows = cells(answer(cat)["classes"][0])
    for column, row in ((0, 0), (4, 1), (6, 6)):
        canvas.hover(
            position={
                "x": (column + 0.5) * area["width"] / 7,
                "y": (row + 0.5) * area["height"] / 7,
            }
        )
        value = rows[row][column]
        number = f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
        place = f"{number} in cell {column + 1}, {row + 1} of 7 × 7"
        expect(cat.locator("#readout")).to_contain_text(place)
        expect(cat.locator("#cell")).to_be_visible()
    canvas.focus()
    cat.keyboard.press("ArrowLeft")
    expect(cat.locator("#message")).to_contain_text("in cell 6, 7 of 7 × 7")


def test_the_scale_has_numbers(cat: Page) -> None:
    """From nothing to the map's largest value; with the cut of the box."""
    most = answer(cat)["classes"][0]["map"]["max"]
    expect(cat.locator("#scale-min")).to_have_text("0")
    expect(cat.locator("#scale-max")).to_have_text(f"{most:.1f}")
    expect(cat.locator("#scale-cut")).to_be_hidden()  # that of another map
    by_paper(cat)
    slide(cat, "#threshold", 0.5)
    bar = cat.locator("#scale-bar").bounding_box()
    cut = cat.locator("#scale-cut").bounding_box()
    assert cut["x"] == pytest.approx(bar["x"] + bar["width"] / 2, abs=3)


def test_the_peak_is_where_the_map_is_largest(cat: Page) -> None:
    """In the largest cell of it."""
    rows = cells(answer(cat)["classes"][0])
    row, column = max(
        itertools.product(range(7), repeat=2), key=lambda at: rows[at[0]][at[1]]
    )
    peak = cat.locator("#peak")
    assert int(float(peak.get_attribute("cx")) / 451 * 7) == column
    assert int(float(peak.get_attribute("cy")) / 300 * 7) == row


def test_negative_evidence_can_be_shown_apart(page: Page) -> None:
    """In a colour of its own, on a scale with both signs."""
    page.locator("#file").set_input_files(upload("a.jpg", picture("astronaut.png")))
    expect(page.locator("#classes .show")).to_have_count(5)
    page.locator("#classes .show").nth(4).click()
    rows = cells(answer(page)["classes"][4])
    assert min(min(row) for row in rows) < 0
    page.locator("#negative").check()
    page.locator("#smooth").uncheck()
    slide(page, "#opacity", 1)
    least = page.locator("#scale-min").inner_text()
    assert float(least) < 0
    assert float(least) == -float(page.locator("#scale-max").inner_text())
    plain = Image.open(io.BytesIO(picture("astronaut.png")))
    apart = pixels(page)
    for row, column in itertools.product(range(7), repeat=2):
        at = ((2 * column + 1) * plain.width // 14, (2 * row + 1) * plain.height // 14)
        red, _, blue = apart.getpixel(at)
        was_red, _, was_blue = plain.getpixel(at)
        warmer = (red - blue) - (was_red - was_blue)
        if abs(rows[row][column]) > 0.5 and abs(warmer) > 4:
            assert (warmer > 0) == (rows[row][column] > 0)


def test_another_class_is_found_by_its_name(cat: Page) -> None:
    """And what there is not is told in the service's words."""
    cat.locator("#other").fill("tench")
    cat.locator("#other-show").click()
    headline(cat, "tench")
    assert sides(box(cat)) == sides(
        next(c for c in answer(cat)["classes"] if c["label"] == "tench")["box"]
    )


def test_more_classes_are_asked_for(cat: Page) -> None:
    """The list grows, and what is looked at stays."""
    cat.locator("#top").select_option("10")
    expect(cat.locator("#classes .show")).to_have_count(10)
    headline(cat, "Egyptian cat")
