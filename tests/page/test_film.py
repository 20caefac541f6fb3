"""Several images as a film: playing, the slider, scores over time, differences."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from conftest import (
    ROOT,
    Look,
    answer,
    answered_by,
    cells,
    headline,
    picture,
    serving,
    shows,
    upload,
)
from playwright.sync_api import Page, Route, expect
from test_manners import violations

EXAMPLE = ROOT / "examples/lane-change"
FRAMES = 8
FILM = "/#film=0&model=lane-change"
SCROLLS = "document.documentElement.scrollWidth > innerWidth"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A server of the lane-change network, with a film of a few frames."""
    folder = tmp_path_factory.mktemp("film")
    draw = [EXAMPLE / "generate.py", folder, "--seed", "3", "--sequences", "2"]
    subprocess.run(
        [sys.executable, *draw, "--frames", str(FRAMES // 2)], check=True, timeout=60
    )
    options = ("--model", str(EXAMPLE / "model"), "--film", str(folder / "frames"))
    with serving.running(*options) as server:
        yield server


def played(page: Page) -> None:
    """Waits until all frames are answered."""
    expect(page.locator("#strip button")).to_have_count(FRAMES)
    expect(page.locator("#strip")).not_to_contain_text("…")


def frame(page: Page, number: int) -> None:
    """Waits until a frame, counted from 1, is the current one."""
    expect(page.locator("#film .row > output")).to_have_text(f"{number} of {FRAMES}")


@pytest.fixture
def opened(look: Look, film: object) -> Iterator[Page]:
    """The film of the service."""
    with look(film.url + FILM) as page:
        played(page)
        yield page


def test_the_film_of_the_service_is_opened_by_its_address(opened: Page) -> None:
    """With a line for each class, and what they are at this frame."""
    answered_by(opened, "lane-change")
    expect(opened.locator("#film")).to_be_visible()
    expect(opened.locator("#film .legend li")).to_have_count(3)
    for i in range(3):
        line = opened.locator(f"#film g .line-{i}").get_attribute("d")
        assert line.count("M") == 1 and line.count("L") == FRAMES - 1
    for entry in answer(opened)["classes"]:
        key = opened.locator("#film .legend li", has_text=entry["label"])
        expect(key).to_contain_text(f"{100 * entry['score']:.1f} %")
    expect(opened.locator("#over-time")).to_be_hidden()


def test_the_lines_grow_while_frames_are_answered(look: Look, film: object) -> None:
    """A chart that waited for the last frame would be empty for long."""
    asked: list[Route] = []
    most = FRAMES // 2

    def hold(route: Route) -> None:
        asked.append(route)
        if len(asked) <= most:
            route.continue_()

    with look("about:blank#") as page:
        page.route("**/cam*", hold)
        page.goto(film.url + FILM)
        line = page.locator("#film g .line-0")
        expect(line).to_have_attribute("d", re.compile(r"^M[^M]*(L[^LM]*){3}$"))
        expect(page.locator("#strip")).to_contain_text("…")
        while len(asked) <= most:
            page.wait_for_timeout(10)
        most = FRAMES
        asked[FRAMES // 2].continue_()
        played(page)


def test_a_film_is_offered_by_a_button(look: Look, film: object, server: object) -> None:
    """Where the service has one; its script is loaded only then."""
    with look(server.url + "/") as page:
        expect(page.locator("#model")).to_contain_text("efficientnet")
        expect(page.locator("#film-take")).to_be_hidden()
    with look(film.url + "/#sample=&model=lane-change") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        expect(page.locator("#film-take")).to_be_visible()
        assert not any("film.js" in url for url in asked)
        page.locator("#film-take").click()
        played(page)
        assert any("film.js" in url for url in asked)
        expect(page.locator("#film")).to_be_visible()


def test_a_slider_and_keys_go_through_the_frames(opened: Page) -> None:
    """The map, the chart and the strip follow; a link comes back to the frame."""
    slider = opened.locator("#film input")
    slider.focus()
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowRight")
    frame(opened, 3)
    shows(opened, "3-000-002.jpg")
    assert slider.get_attribute("aria-valuetext").startswith(f"frame 3 of {FRAMES}: BLO")
    expect(opened.locator('#strip [aria-current="true"]')).to_have_attribute(
        "data-photo", "2"
    )
    opened.keyboard.press("End")
    frame(opened, FRAMES)
    box = opened.locator("#film > svg").bounding_box()
    opened.mouse.click(box["x"] + box["width"] / (FRAMES - 1), box["y"] + 5)
    frame(opened, 2)
    opened.evaluate(
        "navigator.clipboard.writeText = async (text) => { window.copied = text; }"
    )
    opened.locator("#copy-link").click()
    assert "film=1" in opened.evaluate("window.copied")


def test_it_plays_to_the_end_and_again(opened: Page) -> None:
    """By the button or by the space bar; quietly for those who listen."""
    opened.locator("#film select").first.select_option("25")
    said = opened.locator("#message").text_content()
    play = opened.get_by_role("button", name="Play")
    play.click()
    frame(opened, FRAMES)
    expect(play).to_be_visible()
    assert opened.locator("#message").text_content() == said
    opened.locator("#film select").first.select_option("2")
    opened.locator("#film input").focus()
    # From here on time stands still, so that the frame to pause at is not missed.
    opened.clock.install(time=0)
    opened.clock.pause_at(1)
    opened.keyboard.press("Space")
    expect(opened.get_by_role("button", name="Pause")).to_be_visible()
    frame(opened, 1)
    opened.clock.run_for(500)
    frame(opened, 2)
    opened.keyboard.press("Space")
    expect(play).to_be_visible()
    opened.clock.run_for(5000)
    frame(opened, 2)


def test_the_difference_of_two_classes_goes_through_all_frames(opened: Page) -> None:
    """As chosen once."""
    for label, index in (("Evidence for", "0"), ("minus that for", "1")):
        opened.get_by_role("combobox", name=label).select_option(index)
    headline(opened, "Why BLOCKED and not FREE?")
    opened.locator("#film input").focus()
    opened.keyboard.press("End")
    frame(opened, FRAMES)
    headline(opened, "Why BLOCKED and not FREE?")
    entries = {entry["label"]: entry for entry in answer(opened)["classes"]}
    largest = max(
        a - b
        for rows in zip(*(cells(entries[n]) for n in ("BLOCKED", "FREE")), strict=True)
        for a, b in zip(*rows, strict=True)
    )
    shown = float(opened.locator("#scale-max").text_content())
    assert shown >= float(f"{largest:.2g}") * 0.99


def test_any_images_are_a_film_when_that_is_wanted(page: Page) -> None:
    """The chart has the classes that are the most certain in any of them."""
    names = ("chelsea.png", "coffee.png", "rocket.jpg")
    files = [upload(f"{i}.jpg", picture(name)) for i, name in enumerate(names)]
    page.locator("#file").set_input_files(files)
    expect(page.locator("#strip")).not_to_contain_text("…")
    expect(page.locator("#film")).to_be_hidden()
    page.get_by_role("button", name="Show as a film").click()
    expect(page.locator("#film .legend li")).to_have_count(5)
    expect(page.locator("#film .legend")).to_contain_text("espresso")
    expect(page.locator("#film-open")).to_have_attribute("aria-expanded", "true")
    page.locator("#film-open").click()
    expect(page.locator("#film")).to_be_hidden()
    page.locator("#file").set_input_files(files[:1])
    headline(page, "Egyptian cat")
    expect(page.locator("#film-open")).to_be_hidden()


DROP = """(names) => {
  const entry = (name) => ({ name, isFile: true, isDirectory: false,
    file: (done) => name.endsWith(".md") ? done(new File(["words"], name))
      : fetch(`samples/${name}`).then((r) => r.blob())
        .then((blob) => done(new File([blob], name))) });
  let batches = [names.map(entry), []];
  const folder = { name: "f", isFile: false, isDirectory: true,
    createReader: () => ({ readEntries: (done) => done(batches.shift()) }) };
  const event = new Event("drop", { bubbles: true, cancelable: true });
  event.dataTransfer = { types: ["Files"], files: [], items: [{ webkitGetAsEntry: () => folder }],
    getData: () => "" };
  document.querySelector("main").dispatchEvent(event);
}"""


def test_a_folder_is_a_film(page: Page) -> None:
    """Its images, in the order of their names; others are left out."""
    page.evaluate(DROP, ["rocket.jpg", "README.md", "chelsea.png"])
    expect(page.locator("#strip button")).to_have_count(2)
    headline(page, "Egyptian cat")
    expect(page.locator("#film")).to_be_visible()
    page.evaluate(DROP, ["README.md"])
    expect(page.locator("#error")).to_contain_text("no image in the folder")


def test_an_error_stays_when_images_are_answered_that_it_is_not_about(page: Page) -> None:
    """Those of a folder that was dropped before."""
    asked: list[Route] = []

    def hold_the_second(route: Route) -> None:
        asked.append(route)
        if len(asked) != 2:
            route.continue_()

    page.route("**/cam?*", hold_the_second)
    page.evaluate(DROP, ["rocket.jpg", "chelsea.png"])
    headline(page, "Egyptian cat")
    while len(asked) < 2:
        page.wait_for_timeout(20)
    page.evaluate(DROP, ["README.md"])
    expect(page.locator("#error")).to_contain_text("no image in the folder")
    asked[1].continue_()
    expect(page.locator("#strip")).not_to_contain_text("…")
    expect(page.locator("#error")).to_contain_text("no image in the folder")
    page.locator("#strip button").nth(1).click()
    expect(page.locator("#error")).to_be_hidden()


def test_a_missing_film_is_told_of(look: Look, server: object) -> None:
    """By the service's own words."""
    with look(server.url + "/#film", expected="404") as page:
        expect(page.locator("#error")).to_contain_text("offers no film")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_film_has_manners(look: Look, film: object, scheme: str) -> None:
    """axe finds nothing, and a phone need not scroll to the side."""
    size = {"width": 390, "height": 844}
    with look(film.url + FILM, color_scheme=scheme, viewport=size) as page:
        played(page)
        assert violations(page) == []
        assert not page.evaluate(SCROLLS)
