"""The report of `wherefore fit`, opened from disk."""

from __future__ import annotations

import json
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

import marked
import numpy as np
import pytest
import tiny
from conftest import Look, pixels, serving
from playwright.sync_api import Page, expect
from test_manners import violations

FIRST = "#photos li:first-child canvas"
RED = "red <b>& \u201cripe\u201d"  # of which every other photo has a mark


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A model that was fitted to a set with a mark and some wrong labels."""
    base = tmp_path_factory.mktemp("report")
    marked.draw_set(base / "set", 3, "logo", {"red": RED})
    for i in range(1, 6, 2):
        (base / f"set/{RED}/{i:02}.png").rename(base / f"set/blue/moved{i}.png")
    shutil.copy(base / "set/green/00.png", base / "set/green/again.png")
    shutil.copy(base / "set/green/03.png", base / "set/blue/of_green.png")
    tiny.model(base / "tiny", ["cat", "dog"])
    fit = [serving.BINARY, "fit", "set", "--base", "tiny", "--to", "mine"]
    subprocess.run(fit, cwd=base, check=True, capture_output=True, timeout=120)
    return base / "mine"


@pytest.fixture(scope="session")
def report(folder: pathlib.Path) -> dict:
    """The figures."""
    return json.loads((folder / "report.json").read_text())


@pytest.fixture
def page(look: Look, folder: pathlib.Path) -> Iterator[Page]:
    """The report, which may ask for nothing but itself."""
    with look(f"{(folder / 'report.html').as_uri()}#") as it:
        yield it


def test_it_asks_for_nothing(look: Look, folder: pathlib.Path) -> None:
    """The file is all that is loaded, even when photos are looked at."""
    address = (folder / "report.html").as_uri()
    with look("about:blank#") as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        page.get_by_role("button", name="Least certain").click()
        expect(page.locator("#photos canvas").first).to_be_visible()
        assert [url for url in asked if not url.startswith("data:image/webp;base64,")] == [address]


def test_figures_and_names_are_those_of_the_file(page: Page, report: dict) -> None:
    """Accuracy with its bounds; a class's name is a text."""
    accuracy = report["accuracy"]
    tile = page.locator(".tile").first
    expect(tile).to_contain_text(f"{100 * accuracy['share']:.1f} %")
    expect(tile).to_contain_text(f"{100 * accuracy['low']:.1f} % to {100 * accuracy['high']:.1f} %")
    names = [one["name"] for one in report["classes"]]
    assert page.locator("#classes tbody th").all_text_contents() == names
    assert page.locator("b").count() == 0


def test_near_duplicates_in_several_classes_come_first(page: Page, report: dict) -> None:
    """One of them may be mislabelled."""
    assert report["groups"][0] == ["blue/of_green.png", "green/03.png"]
    assert ["green/00.png", "green/again.png"] in report["groups"]
    title = page.get_by_text("of near-duplicates, which were kept")
    title.click()
    groups = page.locator("details", has=title).locator("li").all_text_contents()
    assert "blue/of_green.png = green/03.png: in several classes, so one may be mislabelled" in groups
    marked_ones = [text.endswith("mislabelled") for text in groups]
    assert marked_ones == sorted(marked_ones, reverse=True)
    assert not marked_ones[groups.index("green/00.png = green/again.png")]


def drawn(page: Page) -> None:
    """Waits until the first photo is drawn."""
    expect(page.locator(FIRST)).to_have_attribute("data-drawn", "yes")


def test_a_cell_opens_its_photos_with_maps(page: Page, report: dict) -> None:
    """By the keyboard too; the map can be that of either class, or none."""
    wrong = next(cell for cell in report["confusion"] if cell[0] != cell[1])
    names = [one["name"] for one in report["classes"]]
    label = f"{wrong[2]} photo{'s' * (wrong[2] > 1)} of {names[wrong[0]]}, taken for {names[wrong[1]]}"
    cell = page.get_by_role("button", name=label, exact=True)
    cell.focus()
    page.keyboard.press("Enter")
    expect(cell).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#opened")).to_have_text(label)
    expect(page.locator("#photos figure")).to_have_count(min(wrong[2], 12))
    canvas = page.locator("#photos canvas").first
    expect(canvas).to_have_attribute("width", "160")
    seen = []
    for choice in ("", "0", "1"):
        page.locator("#map-of").select_option(choice)
        expect(page.locator("#photos canvas").first).to_have_attribute("width", "160")
        drawn(page)
        seen.append(np.asarray(pixels(page, FIRST), int))
    assert np.abs(seen[0] - seen[1]).mean() > 10
    assert np.abs(seen[1] - seen[2]).mean() > 1


def test_a_warning_shows_the_photos_with_the_mark(page: Page) -> None:
    """The corner of each has the logo's blue and white."""
    warning = page.locator(".warning")
    expect(warning).to_have_count(1)
    expect(warning).to_contain_text("bottom right corner")
    warning.get_by_role("button").click()
    page.locator("#map-of").select_option("")
    drawn(page)
    corner = np.asarray(pixels(page, FIRST), int)[-22:-5, -22:-5]
    assert (corner.min(2) > 200).any() and (corner[..., 2] - corner[..., 0] > 80).any()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_it(look: Look, folder: pathlib.Path, scheme: str) -> None:
    """In both schemes, which differ."""
    # axe is put in from outside, which the page's own policy would refuse.
    with look(
        f"{(folder / 'report.html').as_uri()}#", color_scheme=scheme, bypass_csp=True
    ) as page:
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, ground[4:-1].split(","))) > 380) == (scheme == "light")
        assert violations(page) == []


def test_it_fits_on_a_phone(look: Look, folder: pathlib.Path) -> None:
    """Nothing is wider than the screen but what scrolls by itself."""
    size = {"width": 360, "height": 740}
    with look(f"{(folder / 'report.html').as_uri()}#", viewport=size) as page:
        expect(page.locator("#photos canvas").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
