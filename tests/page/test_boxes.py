"""Boxes: the choice of their rule, several of them, and the model's calibration."""

from __future__ import annotations

import json
import pathlib
import time

import pytest
from conftest import (
    Look,
    answer,
    box,
    bundle,
    by_paper,
    is_by,
    picture,
    serving,
    slide,
    upload,
)
from playwright.sync_api import Page, expect
from test_manners import violations
from test_methods import said_by

SIDES = ("x", "y", "width", "height")
CALIBRATION = {
    "threshold": 0.31,
    "scale": 0.9,
    "shift": [0, 0.375],
    "found_on": {
        "data": "kangaroos",
        "photos": 120,
        "method": "cam",
        "correct": 0.71,
        "paper": 0.58,
    },
}
DRAWN = """l => l.map((r) => ['x', 'y', 'width', 'height'].map(
  (side) => Number(r.getAttribute(side))))"""
# The page's own function, on a map of the service's answer.
BOXES = """async ([image, map, threshold]) => {
  const { boxesOf, cellsOf, gridOf, upsample } = await import(`${location.origin}/map.js`);
  return boxesOf(upsample(cellsOf(map), image, gridOf(image)), image, threshold, 16);
}"""


def sides(said: dict) -> list[int]:
    """x, y, width, height."""
    return [said[side] for side in SIDES]


def test_a_closer_look_is_asked_for_by_the_rule_object_alone(cat: Page) -> None:
    """The picker is gone by another rule."""
    with cat.expect_request(lambda sent: "quality=fine" in sent.url):
        cat.locator("#quality").select_option("fine")
    is_by(cat, "object")
    with cat.expect_request(lambda sent: "box=otsu" in sent.url) as sent:
        cat.locator("#box-rule").select_option("otsu")
    assert "quality" not in sent.value.url
    expect(cat.locator("#quality")).to_be_hidden()


@pytest.mark.parametrize("rule", ["object", "authors", "gradcam", "otsu", "percentile"])
def test_a_rule_s_boxes_are_the_service_s(cat: Page, server: object, rule: str) -> None:
    """As they are drawn; the slider does not move them, and says their threshold."""
    by_paper(cat)
    cat.locator("#box-rule").select_option(rule)
    is_by(cat, rule)
    said = said_by(server, box=rule)["box"]
    assert sides(box(cat)) == sides(said)
    assert cat.locator("#box").evaluate_all(DRAWN) == [sides(said)]
    expect(cat.locator("#threshold")).to_be_disabled()
    shown = "of object" if rule == "object" else f"{round(100 * said['threshold'])} %"
    expect(cat.locator("#threshold-value")).to_have_text(shown)
    by_paper(cat)
    expect(cat.locator("#threshold")).to_be_enabled()
    expect(cat.locator("#threshold-value")).to_have_text("20 %")
    assert sides(box(cat)) == sides(said_by(server, box="paper")["box"])


def test_several_boxes_are_drawn_with_their_shares(cat: Page, server: object) -> None:
    """By the page for the rule of the paper, by the service for others."""
    by_paper(cat)
    cat.locator("#classes .show").nth(4).click()
    cat.locator("#parameter-boxes").fill("5")
    cat.locator("#parameter-boxes").press("Enter")
    expect(cat.locator("#facts")).to_contain_text("of the evidence in")
    chosen = int(
        cat.locator('#classes .show[aria-pressed="true"]').get_attribute("data-index")
    )
    for threshold in (0.7, 0.4):
        slide(cat, "#threshold", threshold)
        said = said_by(server, boxes=5, threshold=threshold, **{"class": chosen})
        drawn = cat.locator("#more rect").evaluate_all(DRAWN)
        assert drawn == [sides(one) for one in said["boxes"]]
        shares = ", ".join(f"{100 * one['share']:.1f} %" for one in said["boxes"])
        expect(cat.locator("#facts")).to_contain_text(f"; {shares} of the evidence")
    cat.locator("#box-rule").select_option("otsu")
    is_by(cat, "otsu")
    said = said_by(server, boxes=5, box="otsu", **{"class": chosen})
    expect(cat.locator("#more rect")).to_have_count(len(said["boxes"]))
    drawn = cat.locator("#more rect").evaluate_all(DRAWN)
    assert drawn == [sides(one) for one in said["boxes"]]
    assert violations(cat) == []


def test_the_page_s_boxes_are_those_of_the_service(page: Page, server: object) -> None:
    """Sixteen of a map with many hills, at several thresholds."""
    data = picture("coffee.png", (333, 222))
    for threshold in (0.02, 0.1, 0.2):
        options = {"method": "saliency", "heatmap": "none", "values": 1, "boxes": 16}
        said = server.cam(data, params=options | {"threshold": threshold}).json()
        found = page.evaluate(BOXES, [said["image"], said["map"], threshold])
        assert len(found) > 3
        assert [sides(one) for one in found] == [sides(one) for one in said["boxes"]]
        shares = [one["share"] for one in said["boxes"]]
        assert [one["share"] for one in found] == pytest.approx(shares, abs=2e-6)


def test_a_link_keeps_rule_and_number(look: Look, server: object) -> None:
    """And its parameter; the answer is asked for like that at once."""
    link = "/#sample=chelsea.png&box=percentile&percentile=0.8&boxes=2"
    with look(server.url + link) as page:
        is_by(page, "percentile")
        said = said_by(server, box="percentile", percentile=0.8, boxes=2)
        assert sides(box(page)) == sides(said["box"])
        expect(page.locator("#box-rule")).to_have_value("percentile")
        expect(page.locator("#parameter-percentile")).to_have_value("0.8")
        expect(page.locator("#parameter-boxes")).to_have_value("2")


def test_panels_keep_the_rule_of_their_box(cat: Page, server: object) -> None:
    """Beside each other, whatever is chosen later."""
    cat.locator("#side-add").click()
    cat.locator("#box-rule").select_option("otsu")
    is_by(cat, "otsu")
    cat.locator("#side-add").click()
    panels = cat.locator(".panel")
    expect(panels).to_have_count(2)
    expect(panels.nth(1)).to_contain_text("box otsu")
    wanted = [sides(said_by(server, box=rule)["box"]) for rule in ("object", "otsu")]
    assert cat.locator(".panel .box").evaluate_all(DRAWN) == wanted


def shows(page: Page, kind: str) -> dict:
    """Waits until the answer has maps of this kind; its best class."""
    deadline = time.monotonic() + 60
    while True:
        said = answer(page) or {}
        for entry in said.get("classes", [])[:1]:
            if entry.get("map", {}).get("kind") == kind:
                return entry
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def test_the_object_s_map_is_shown_beside_the_evidence(
    cat: Page, server: object
) -> None:
    """It is the service's, like its box; where it is cut is on the scale."""
    shows(cat, "evidence")
    expect(cat.locator("#scale-cut")).to_be_hidden()
    cat.locator("#side-add").click()
    cat.locator("#map-kind").select_option("object")
    entry = shows(cat, "object")
    said = said_by(server, map="object")
    assert entry["map"]["values"] == said["map"]["values"]
    assert sides(box(cat)) == sides(said["box"])
    cut = f"{round(100 * said['box']['threshold'])} %"
    expect(cat.locator("#threshold-value")).to_have_text(cut)
    expect(cat.locator("#scale-cut")).to_be_visible()
    expect(cat.locator("#scale-mid")).to_contain_text("likeness to the object")
    expect(cat.locator("#explained")).to_contain_text("refined to the object at block")
    expect(cat.locator("#classes .compare:enabled")).to_have_count(0)
    expect(cat.locator("#hint")).to_be_hidden()
    assert violations(cat) == []
    cat.locator("#side-add").click()
    expect(cat.locator(".panel")).to_have_count(2)
    expect(cat.locator(".panel").nth(1)).to_contain_text("object · box object")
    by_paper(cat)  # of the evidence, which the page does not have then
    expect(cat.locator("#threshold")).to_be_disabled()
    assert sides(box(cat)) == sides(said_by(server, box="paper")["box"])
    cat.locator("#map-kind").select_option("evidence")
    shows(cat, "evidence")
    expect(cat.locator("#threshold")).to_be_enabled()
    expect(cat.locator("#classes .compare:enabled").first).to_be_visible()
    expect(cat.locator("#hint")).to_be_visible()


def test_a_link_keeps_the_object_s_map(look: Look, server: object) -> None:
    """A method that explains pixels has none, and no choice of it."""
    with look(server.url + "/#sample=chelsea.png&map=object") as page:
        shows(page, "object")
        expect(page.locator("#map-kind")).to_have_value("object")
        page.locator("#method").select_option("saliency")
        shows(page, "evidence")
        expect(page.locator("#map-kind")).to_be_hidden()
        expect(page.locator("#explained")).to_contain_text(
            "No map of the object: the method explains pixels, not a feature map."
        )


def test_a_calibration_in_use_is_described(look: Look, tmp_path: pathlib.Path) -> None:
    """And a model without one offers no such rule."""
    with_one = bundle(tmp_path / "with", "with")
    file = pathlib.Path(with_one) / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"box": CALIBRATION}))
    without = bundle(tmp_path / "without", "without")
    with serving.running("--model", with_one, "--model", without) as server:
        for name in ("with", "without"):
            with look(f"{server.url}/#model={name}&sample=") as page:
                page.locator("#file").set_input_files(upload("cup.jpg", picture()))
                is_by(page, "object")
                rule = page.locator("#box-rule option[value=calibrated]")
                if name == "without":
                    expect(rule).to_be_disabled()
                    continue
                expect(page.locator("#calibration")).to_be_empty()
                page.locator("#box-rule").select_option("calibrated")
                is_by(page, "calibrated")
                text = (
                    "Calibrated on 120 photos of kangaroos with cam: threshold 31.0 %, "
                    "scale 0.9, shift 0, 0.375 cells; 71.0 % right there, "
                    "58.0 % by paper."
                )
                expect(page.locator("#calibration")).to_have_text(text)
