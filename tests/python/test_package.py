"""What is in the wheel, and what an import costs."""

import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import wherefore
from conftest import MODEL, PACKAGE, ROCKET, ROOT, printed_by, run_python

BIN = Path(sys.executable).parent


def wheel() -> Path:
    (found,) = (ROOT / "build/python").glob("*.whl")
    return found


def test_the_package_under_test_is_the_installed_wheel() -> None:
    assert PACKAGE.is_relative_to(sys.prefix)
    assert not PACKAGE.is_relative_to(ROOT / "python")


def test_the_wheel_is_small_and_for_any_python() -> None:
    """The platform that docs/python.md names is that of Debian 12's libraries."""
    assert wheel().stat().st_size < 6_000_000
    found = re.fullmatch(
        r"wherefore-[\d.]+-py3-none-manylinux_2_(\d+)_x86_64\.whl", wheel().name
    )
    assert found[1] == "35" or os.confstr("CS_GNU_LIBC_VERSION") != "glibc 2.36"


def test_the_wheel_has_its_libraries_and_their_licences() -> None:
    names = zipfile.ZipFile(wheel()).namelist()
    grafted = {
        match[1]
        for name in names
        if (match := re.match(r"wherefore\.libs/(lib[\w-]+?)-[0-9a-f]{8}\.so", name))
    }
    licences = {Path(name).name for name in names if "/licenses/licenses/" in name}

    assert grafted >= {"libXNNPACK", "libjansson", "libturbojpeg", "libwebp", "libspng"}
    for library in ("libxnnpack", "libjansson", "libnettle"):
        assert any(name.startswith(library) for name in licences)
    assert {"LGPL-2.txt", "Apache-2.0.txt"} <= licences


@pytest.mark.parametrize("command", ["serve", "health"])
def test_the_service_is_left_out(command: str) -> None:
    """With the libraries that only it needs."""
    names = zipfile.ZipFile(wheel()).namelist()
    done = subprocess.run(
        [BIN / "wherefore", command], check=False, capture_output=True, text=True
    )

    assert not [name for name in names if re.search("microhttpd|gnutls", name)]
    assert done.returncode == 1 and done.stdout == ""
    assert "the Python package has no service" in done.stderr


def test_the_version_is_that_of_the_program_and_the_library() -> None:
    said = subprocess.check_output([BIN / "wherefore", "--version"], text=True)

    assert said == f"wherefore {wherefore.__version__}\n"
    assert metadata.version("wherefore") == wherefore.__version__


def test_an_import_brings_along_nothing_that_is_large() -> None:
    said = printed_by(
        "import sys, wherefore\n"
        f"model = wherefore.open({str(MODEL)!r})\n"
        f"found = model.explain({str(ROCKET)!r}).to_dict()\n"
        "print(sorted({'numpy', 'PIL', 'pyarrow'} & sys.modules.keys()))"
    )

    assert said == "[]\n"


def test_maps_overlays_and_batches_import_what_they_need() -> None:
    said = printed_by(
        "import sys, wherefore\n"
        f"model = wherefore.open({str(MODEL)!r})\n"
        f"found = model.explain({str(ROCKET)!r})\n"
        "seen = lambda: print(sorted({'numpy', 'PIL', 'pyarrow'} & sys.modules.keys()))\n"
        "found.best.map; seen(); found.overlay(); seen(); model.explain_batch([]); seen()"
    )

    assert said.splitlines() == [
        "['numpy']",
        "['PIL', 'numpy']",
        "['PIL', 'numpy', 'pyarrow']",
    ]


def test_the_program_finds_the_models_of_python(tmp_path: Path) -> None:
    models = tmp_path / "wherefore/models"
    models.mkdir(parents=True)
    (models / MODEL.name).symlink_to(MODEL)
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    for command in ([BIN / "wherefore"], [sys.executable, "-m", "wherefore"]):
        done = subprocess.run(
            [*command, "cam", ROCKET],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.startswith('{"model":"efficientnet-lite0"')


def test_python_finds_a_model_where_the_program_does(tmp_path: Path) -> None:
    models = tmp_path / "data/wherefore/models"
    models.mkdir(parents=True)
    (models / MODEL.name).symlink_to(MODEL)
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")}
    code = "import wherefore; print(wherefore.open().folder)"

    assert printed_by(code, cwd=tmp_path, env=environment) == f"{models / MODEL.name}\n"
    environment["WHEREFORE_MODEL"] = str(MODEL)
    assert printed_by(code, cwd=tmp_path, env=environment) == f"{MODEL}\n"


def test_without_a_model_python_says_how_to_make_one(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_DATA_HOME": str(tmp_path)}
    done = run_python(
        "import wherefore; wherefore.open()", cwd=tmp_path, env=environment
    )

    assert "python -m wherefore.model" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("folder", "status", "text"),
    [(MODEL, 0, f"{MODEL} is complete\n"), ("new", 1, "wherefore[model]")],
)
def test_python_makes_models_with_what_it_needs_for_that(
    folder: Path | str, status: int, text: str, tmp_path: Path
) -> None:
    """The environment has no onnx, without which nothing is downloaded."""
    done = subprocess.run(
        [sys.executable, "-m", "wherefore.model", "efficientnet-lite0", folder],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == status
    assert text in done.stdout + done.stderr
