"""The page under the proxy's sub-path, in a real browser."""

from __future__ import annotations

import shutil

import pytest
from conftest import Proxy

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")
def test_the_page_works_under_the_sub_path(proxy: Proxy) -> None:
    """Everything it asks for is below /vision/, and it shows what a cat is."""
    asked: list[str] = []
    wrong: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page()
        page.on("request", lambda it: asked.append(it.url))
        page.on("console", lambda it: it.type == "error" and wrong.append(it.text))
        page.on("pageerror", lambda it: wrong.append(str(it)))
        page.goto(proxy.url + "/vision/")
        page.click('[data-sample="chelsea.png"]', timeout=60_000)
        page.wait_for_selector("text=Egyptian cat", timeout=60_000)
        browser.close()

    served = [it for it in asked if it.startswith("http")]
    assert any(it.startswith(proxy.url + "/vision/cam") for it in served)
    assert all(it.startswith(proxy.url + "/vision/") for it in served), served
    assert wrong == []
