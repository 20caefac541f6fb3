"""The choice of method, layer and target, what the answer says of it, long work,
and maps side by side."""

from __future__ import annotations

import base64
import json
import re
import time
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from conftest import (
    Look,
    answer,
    box,
    by_paper,
    cells,
    headline,
    picture,
    pixels,
    serving,
    slide,
    upload,
)
from playwright.sync_api import Page, Route, expect
from test_manners import violations

CAT = "/#sample=chelsea.png"
SIDES = ("x", "y", "width", "height")


def said_by(server: object, **options: object) -> dict:
    """What the service answers about the cat."""
    options = {"heatmap": "none", "values": "f32"} | options
    return server.cam(serving.sample("chelsea.png"), params=options).json()


def floats_of(said: dict) -> bytes:
    """The floats of a map."""
    return base64.b64decode(said["map"]["values"])


def is_of(page: Page, method: str) -> None:
    """Waits until the answer is by this method."""
    expect(page.locator("#explained")).to_contain_text(method)
    deadline = time.monotonic() + 60
    while (answer(page) or {}).get("method") != method:
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)


def rows_of(server: object, path: str) -> dict:
    """A list of the service."""
    return serving.httpx.get(server.url + path, timeout=60).json()


# Keeps what is seen of the progress, however soon it is gone again.
TOLD = """() => {
  window.told = [];
  const shown = (id) => !document.getElementById(id).hidden;
  const look = () => shown("work") && told.push([document.getElementById("passes").textContent, shown("progress")]);
  new MutationObserver(look).observe(document.getElementById("work"), { attributes: true, childList: true, subtree: true });
}"""


@pytest.fixture
def occluded(cat: Page) -> Page:
    """A page on which a method of many passes is at work, or has been."""
    cat.evaluate(TOLD)
    cat.locator("#method").select_option("occlusion")
    return cat


def test_the_pickers_list_what_the_service_does(cat: Page, server: object) -> None:
    """Each method, in its order; each layer, the default first; each target."""
    methods = rows_of(server, "/methods")
    values = "list => list.map((option) => option.value)"
    expect(cat.locator("#how")).to_be_visible()
    listed = cat.locator("#method option").evaluate_all(values)
    assert listed == [method["name"] for method in methods["methods"]]
    expect(cat.locator("#method")).to_have_value(methods["default"])
    layers = rows_of(server, "/model/layers")["layers"]
    others = [layer["name"] for layer in layers if not layer["default"]]
    listed = cat.locator("#layer option").evaluate_all(values)
    assert listed == ["", *reversed(others)]
    first = cat.locator("#layer option").first
    expect(first).to_contain_text("7 × 7 × 1280")
    expect(cat.locator("#target option")).to_have_text(
        ["logit", "log-score", "margin", "finer"]
    )


def test_parameters_are_those_of_the_method(look: Look, server: object) -> None:
    """With their defaults and ranges; others are not seen."""
    with look(server.url + CAT) as page:
        headline(page, "Egyptian cat")
        for method in rows_of(server, "/methods")["methods"]:
            if not method["allowed"] or method["refusal"]:
                continue
            page.route("**/cam?*", lambda route: None)
            page.locator("#method").select_option(method["name"])
            inputs = page.locator("#parameters input")
            expect(inputs).to_have_count(len(method["parameters"]))
            for i, row in enumerate(method["parameters"]):
                expect(inputs.nth(i)).to_have_value(f"{row['default']:g}")
                assert float(inputs.nth(i).get_attribute("min")) == row["min"]
                assert float(inputs.nth(i).get_attribute("max")) == row["max"]


def test_a_method_s_map_is_the_service_s(cat: Page, server: object) -> None:
    """The numbers and the box; and what was done is told."""
    cat.locator("#method").select_option("saliency")
    is_of(cat, "saliency")
    said = said_by(server, method="saliency")
    entry = answer(cat)["classes"][0]
    wanted = np.frombuffer(floats_of(said), "<f4")
    assert np.allclose(np.ravel(cells(entry)), wanted, rtol=1e-4, atol=1e-7)
    assert entry["map"]["width"] == 224
    assert box(cat) == {side: said["box"][side] for side in SIDES}
    expect(cat.locator("#explained")).to_contain_text("2 passes")


def test_a_layer_is_chosen_and_told(cat: Page, server: object) -> None:
    """Its map has the layer's size."""
    cat.locator("#method").select_option("gradcam")
    is_of(cat, "gradcam")
    layers = [
        layer
        for layer in rows_of(server, "/model/layers")["layers"]
        if layer["width"] == 14
    ]
    cat.locator("#layer").select_option(layers[-1]["name"])
    expect(cat.locator("#explained")).to_contain_text("14 × 14")
    assert answer(cat)["explanation"]["layer"]["name"] == layers[-1]["name"]
    assert answer(cat)["classes"][0]["map"]["width"] == 14


def test_a_margin_has_two_classes(cat: Page, server: object) -> None:
    """The second one is asked for before anything is."""
    cat.locator("#target").select_option("margin")
    against = cat.locator("#against")
    expect(against).to_be_focused()
    against.fill("tiger cat")
    against.press("Enter")
    expect(cat.locator("#explained")).to_contain_text("target margin against tiger cat")
    assert answer(cat)["explanation"]["against"] == 282


def test_the_choice_is_in_links(look: Look, server: object) -> None:
    """And restored from them, parameters too."""
    link = CAT + "&method=occlusion&window=112&target=margin&against=282"
    with look(
        server.url + link, permissions=["clipboard-read", "clipboard-write"]
    ) as page:
        expect(page.locator("#explained")).to_contain_text("window 112")
        expect(page.locator("#method")).to_have_value("occlusion")
        expect(page.locator("#target")).to_have_value("margin")
        expect(page.locator("#against")).to_have_value("282")
        expect(page.locator("#parameter-window")).to_have_value("112")
        page.locator("#copy-link").click()
        expect(page.locator("#message")).to_contain_text("Copied")
        copied = parse_qs(
            urlparse(page.evaluate("navigator.clipboard.readText()")).fragment
        )
        assert copied["method"] == ["occlusion"]
        assert copied["window"] == ["112"]
        assert copied["target"] == ["margin"]
        assert copied["against"] == ["282"]


def test_another_class_is_computed_when_it_is_looked_at(
    cat: Page, server: object
) -> None:
    """Where each map costs passes of its own; two classes can be compared."""
    cat.locator("#method").select_option("saliency")
    is_of(cat, "saliency")
    assert ["map" in entry for entry in answer(cat)["classes"]] == [True] + 4 * [False]
    cat.locator('#classes .show[data-index="282"]').click()
    headline(cat, "tiger cat")
    expect(cat.locator("#facts")).to_contain_text("Box")
    said = said_by(server, method="saliency", **{"class": 282})
    assert box(cat) == {side: said["box"][side] for side in SIDES}
    cat.locator('#classes .compare[data-index="281"]').click()
    headline(cat, "Why tiger cat and not tabby?")
    expect(cat.locator("#scale-mid")).to_contain_text("tabby")


def test_maps_of_both_signs_have_the_palette_of_two_sides(occluded: Page) -> None:
    """Nothing is in the middle of the scale; other colours can be had."""
    is_of(occluded, "occlusion")
    shown = answer(occluded)["classes"][0]
    assert min(min(row) for row in cells(shown)) < 0
    least = float(occluded.locator("#scale-min").inner_text())
    assert least == -float(occluded.locator("#scale-max").inner_text())
    bar = pixels(occluded, "#scale-bar")
    left, middle, right = (bar.getpixel((x, 0)) for x in (0, 128, 255))
    assert left[2] > left[0] + 50
    assert right[0] > right[2] + 50
    assert min(middle) > 230
    occluded.locator("#colormap").select_option("jet")
    expect(occluded.locator("#scale-min")).to_have_text("0")


def test_long_work_tells_how_far_it_is(occluded: Page) -> None:
    """By passes; and is silent when it is done."""
    is_of(occluded, "occlusion")
    expect(occluded.locator("#work")).to_be_hidden()
    expect(occluded.locator("#progress")).to_be_hidden()
    told = occluded.evaluate("told")
    passes = [int(re.fullmatch(r"(\d+) of 83 passes", text)[1]) for text, _ in told]
    assert passes
    assert passes == sorted(passes)
    assert all(bar for _, bar in told)


def test_long_work_can_be_cancelled(look: Look, server: object) -> None:
    """The request ends, which takes 1371 passes otherwise; it can be begun again, or
    another method chosen."""
    with look(server.url + CAT + "&method=occlusion&window=12") as page:
        expect(page.locator("#passes")).to_contain_text("of 1371 passes")
        expect(page.locator("#progress")).to_be_visible()
        page.locator("#cancel").click()
        expect(page.locator("#error")).to_contain_text("Cancelled")
        expect(page.locator("#work")).to_be_hidden()
        page.locator("#method").select_option("cam")
        headline(page, "Egyptian cat")
        is_of(page, "cam")
        expect(page.locator("#error")).to_be_hidden()


def test_an_error_after_progress_is_told(look: Look, server: object) -> None:
    """Its last line is the problem."""
    problem = {"status": 503, "kind": "busy", "detail": "stopped after 3 passes"}
    lines = ['{"passes":3,"of":82}', json.dumps(problem | {"status": 500})]

    def fail(route: Route) -> None:
        if "occlusion" not in route.request.url:
            return route.continue_()
        return route.fulfill(
            status=200,
            headers={"Content-Type": "application/x-ndjson"},
            body="\n".join(lines) + "\n",
        )

    with look(server.url + CAT) as page:
        headline(page, "Egyptian cat")
        page.route("**/cam?*", fail)
        page.locator("#method").select_option("occlusion")
        expect(page.locator("#error")).to_contain_text("stopped after 3 passes")


def test_without_the_lists_the_names_are_there(look: Look, server: object) -> None:
    """Of the options that the service accepts."""
    with look(server.url + "/", expected="404") as page:
        for path in ("methods", "model/layers"):
            page.route(f"**/{path}", lambda route: route.fulfill(status=404))
        page.reload()
        page.locator('[data-sample="chelsea.png"]').click()
        headline(page, "Egyptian cat")
        expect(page.locator("#method option")).not_to_have_count(0)
        page.locator("#method").select_option("saliency")
        is_of(page, "saliency")


def test_the_first_view_is_an_answer(look: Look, server: object) -> None:
    """About a sample, which is said; it gives way to the user's own."""
    with look(server.url + "/", example=True) as page:
        headline(page, "Egyptian cat")
        expect(page.locator("#example")).to_be_visible()
        assert violations(page) == []
        page.locator("#file").set_input_files(upload("a.jpg", picture("rocket.jpg")))
        expect(page.locator("#canvas")).to_have_attribute(
            "aria-label", re.compile("^a.jpg")
        )
        expect(page.locator("#example")).to_be_hidden()
        assert page.evaluate("wherefore.photos()") == 1


def test_the_chart_has_two_points_at_least(look: Look, server: object) -> None:
    """Before, there is none."""
    with look(server.url + "/", expected="status of 4") as page:
        page.locator("#file").set_input_files(
            [upload("a.jpg", picture("coffee.png")), upload("b.jpg", b"nothing")]
        )
        expect(page.locator("#strip")).not_to_contain_text("…")
        headline(page, "%")
        expect(page.locator("#over-time")).to_be_hidden()


def test_maps_lie_side_by_side(cat: Page) -> None:
    """Up to four, under one zoom and one pointer, with the same settings."""
    by_paper(cat)
    panels = cat.locator(".panel")
    cat.locator("#side-add").click()
    expect(panels).to_have_count(1)
    cat.locator("#method").select_option("saliency")
    is_of(cat, "saliency")
    cat.locator("#side-add").click()
    expect(panels).to_have_count(2)
    expect(panels.nth(1)).to_contain_text("saliency")
    assert violations(cat) == []
    images = [pixels(cat, f".panel:nth-child({i}) canvas") for i in (1, 2)]
    assert images[0].tobytes() != images[1].tobytes()
    slide(cat, "#opacity", 0)
    images = [pixels(cat, f".panel:nth-child({i}) canvas") for i in (1, 2)]
    assert images[0].tobytes() == images[1].tobytes()
    frames = cat.locator(".panel .frame")
    frames.first.hover(position={"x": 60, "y": 40})
    for i in (0, 1):
        expect(panels.nth(i).locator("output")).not_to_be_empty()
        expect(panels.nth(i).locator(".cross")).to_be_visible()
    where = "l => l.map((lens) => lens.style.transform)"
    frames.nth(1).focus()
    cat.keyboard.press("+")
    moved = cat.locator(".lens").evaluate_all(where)
    assert moved[0] == moved[1]
    assert "scale(1.5)" in moved[0]
    widths = "l => l.map((box) => box.getAttribute('width'))"
    before = cat.locator(".panel .box").evaluate_all(widths)
    slide(cat, "#threshold", 0.7)
    after = cat.locator(".panel .box").evaluate_all(widths)
    assert all(a != b for a, b in zip(before, after, strict=True))
    panels.first.locator("button").click()
    expect(panels).to_have_count(1)
    cat.locator('[data-sample="rocket.jpg"]').click()
    expect(panels).to_have_count(0)
    expect(cat.locator("#side")).to_be_hidden()
