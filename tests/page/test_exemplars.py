"""The inside view before the service's own index of exemplars."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Iterator

import pytest
from conftest import STATIC, Look, serving
from PIL import Image
from playwright.sync_api import expect

LAYER = "block10.expand_relu6"
EYES = 290  # what this channel of it sees


@pytest.fixture
def offering(tmp_path: object) -> Iterator[object]:
    """A server with an index of the samples: the cat and three others."""
    wanted = ["--layer", LAYER, "--channel", str(EYES), "--top", "4"]
    command = [serving.BINARY, "exemplars", str(STATIC / "samples"), *wanted]
    command += ["--model", serving.MODEL, "--to", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    with serving.running("--exemplars", str(tmp_path)) as it:
        yield it


def test_a_channels_sheet_is_the_services(look: Look, offering: object) -> None:
    """Of the size of what the service sends."""
    with look(f"{offering.url}/#inside/{LAYER}/{EYES}&sample=chelsea.png") as page:
        sheet = page.get_by_alt_text(re.compile("Crops of the photos"))
        expect(sheet).to_be_visible()
        size = sheet.evaluate("async (e) => (await e.decode(), [e.naturalWidth, e.naturalHeight])")
    options = {"layer": LAYER, "channel": EYES}
    sent = offering.get("/exemplars", params=options, headers={"Accept": "image/png"})
    assert tuple(size) == Image.open(io.BytesIO(sent.content)).size
