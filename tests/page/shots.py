#!/usr/bin/env python3
"""Take the README's pictures of the page, docs/images/page-*.webp.

Run by hand, when the page looks otherwise; needs what the tests need, and the
binary built:

    build/venv/bin/python tests/page/shots.py [FOLDER]
"""

from __future__ import annotations

import io
import pathlib
import sys

from conftest import ARGUMENTS, CHROMIUM, ROOT, headline, looking, picture, serving
from conftest import upload as file
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

DESKTOP = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
CAT = "#sample=chelsea.png"


def keep(page: Page, folder: pathlib.Path, name: str) -> None:
    """What is seen, as a small file."""
    image = Image.open(io.BytesIO(page.screenshot(animations="disabled")))
    path = folder / f"page-{name}.webp"
    image.convert("RGB").save(path, quality=82, method=6)
    print(f"{path}: {path.stat().st_size} bytes")


def main() -> None:
    """Take all of them."""
    folder = pathlib.Path(sys.argv[1] if sys.argv[1:] else ROOT / "docs" / "images")
    folder.mkdir(exist_ok=True)
    with sync_playwright() as it, serving.running() as server:
        browser = it.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        look = looking(browser)
        url = server.url + "/"
        for scheme in ("light", "dark"):
            with look(url + CAT, viewport=DESKTOP, color_scheme=scheme) as page:
                headline(page, "Egyptian cat")
                keep(page, folder, scheme)
        with look(url + CAT + "&class=285&vs=282", viewport=DESKTOP) as page:
            headline(page, "Why")
            keep(page, folder, "difference")
        address = url + "#inside/block10.expand_relu6/290&sample=chelsea.png"
        with look(address, viewport=DESKTOP, expected="404") as page:
            expect(page.locator(".tile")).to_have_count(12)
            expect(page.locator(".channel canvas")).to_be_visible()
            keep(page, folder, "inside")
        with look(url + CAT, viewport=PHONE) as page:
            headline(page, "Egyptian cat")
            keep(page, folder, "phone")
        with look(url, viewport=DESKTOP | {"height": 1060}) as page:
            photo = Image.open(io.BytesIO(picture("rocket.jpg")))
            frames = []
            for i in range(8):  # as from something that comes nearer
                edge = 14 * i
                out = io.BytesIO()
                view = (edge, edge, photo.width - edge, photo.height - edge)
                photo.crop(view).save(out, "JPEG", quality=92)
                frames.append(file(f"{i}.jpg", out.getvalue()))
            page.locator("#file").set_input_files(frames)
            expect(page.locator("#strip button")).to_have_count(8)
            expect(page.locator("#strip")).not_to_contain_text("…")
            keep(page, folder, "gallery")
        browser.close()


if __name__ == "__main__":
    main()
