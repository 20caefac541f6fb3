"""The notebook runs from its first cell to its last, and shows pictures."""

import base64
import io

import nbclient
import nbformat
import pytest
from conftest import ROOT
from PIL import Image

NOTEBOOK = ROOT / "examples/notebook.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[nbformat.NotebookNode]:
    """The cells with what they show."""
    notebook = nbformat.read(NOTEBOOK, 4)
    assert not any(cell.outputs for cell in notebook.cells)
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()
    return notebook.cells


def text_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def pictures_of(cell: nbformat.NotebookNode) -> list[Image.Image]:
    found = [output.get("data", {}).get("image/png") for output in cell.outputs]
    return [Image.open(io.BytesIO(base64.b64decode(png))) for png in found if png]


def test_the_notebook_shows_what_its_cells_say(
    cells: list[nbformat.NotebookNode],
) -> None:
    assert len(cells) == 10
    sizes = [tuple(image.size for image in pictures_of(cell)) for cell in cells]
    assert sizes == [
        *((), ((451, 300),), (), ((320, 213),), ((960, 107),), ((151, 200),)),
        *(((320, 213),), (), ((320, 213),), ()),
    ]
    assert "efficientnet-lite0" in text_of(cells[0])
    assert "Egyptian cat" in text_of(cells[2])
    assert "unsupported - " in text_of(cells[9])
    rows = text_of(cells[7]).splitlines()[1:]
    assert ["unsupported" in row for row in rows] == [False] * 4 + [True]
