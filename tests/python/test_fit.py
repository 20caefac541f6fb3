"""fit and evaluate: the program in the package, by its reports."""

from pathlib import Path

import numpy as np
import pytest
import wherefore
from conftest import MODEL, PHOTOS, ROCKET
from PIL import Image

COLOURS = {"blue": (40, 60, 200), "green": (50, 190, 60)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six noisy pictures for each of two colours."""
    folder = tmp_path_factory.mktemp("photos")
    for k, (name, colour) in enumerate(COLOURS.items()):
        (folder / name).mkdir()
        for i in range(6):
            noise = np.random.default_rng(10 * k + i).normal(0, 60, (8, 9, 3))
            small = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            image = Image.fromarray(small).resize((60, 40), Image.Resampling.NEAREST)
            image.save(folder / name / f"{i}.png")
    return folder


def test_a_model_of_ones_own_classes_is_fitted_and_opened(
    photos: Path, tmp_path: Path
) -> None:
    report = wherefore.fit(photos, tmp_path / "mine", base=MODEL, folds=2, seed=3)
    model = wherefore.open(tmp_path / "mine")

    assert [entry["name"] for entry in report["classes"]] == ["blue", "green"]
    assert model.labels == ["blue", "green"]
    assert model.explain(photos / "green/0.png").best.label == "green"
    with pytest.raises(wherefore.ProgramError, match="exists") as raised:
        wherefore.fit(photos, tmp_path / "mine", base=MODEL)
    assert raised.value.kind == "program"
    with pytest.raises(wherefore.InputError, match="folds"):
        wherefore.fit(photos, tmp_path / "mine", base=MODEL, folds=1)


def test_a_fit_tells_what_is_done_and_can_be_cancelled(
    photos: Path, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    wherefore.fit(photos, tmp_path / "mine", MODEL, progress=tell, folds=2)
    assert told[-1] == (12, 12)
    assert told == sorted(told)
    with pytest.raises(wherefore.BusyError):
        wherefore.fit(photos, tmp_path / "no", MODEL, progress=lambda *_: False)

    def break_off(_done: int, _total: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        wherefore.fit(photos, tmp_path / "no", MODEL, progress=break_off)
    assert not list(tmp_path.glob("no*/model.json"))
    with pytest.raises(wherefore.ProgramError, match="none"):
        wherefore.fit("none", tmp_path / "no", MODEL, progress=tell)


def test_an_evaluation_tells_what_is_done_and_can_go_on(
    photos: Path, tmp_path: Path
) -> None:
    """What was measured before it was cancelled is not measured again."""
    totals = []

    def tell(done: int, total: int) -> bool:
        totals.append(total)
        return done < 5

    with pytest.raises(wherefore.BusyError):
        wherefore.evaluate(photos, MODEL, tmp_path / "out", progress=tell, threads=1)
    report = wherefore.evaluate(
        photos, MODEL, tmp_path / "out", progress=lambda _, total: totals.append(total), threads=1
    )
    assert report["photos"] == totals[0] == 12
    assert totals[-1] < 12


def test_an_evaluation_is_its_report(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    lines = [f"{photo},missile,100,20,300,400" for photo in PHOTOS]
    data.write_text("\n".join(["file,class,x0,y0,x1,y1", *lines]))
    report = wherefore.evaluate(data, MODEL, method=["cam", "gradcam"])

    assert report["photos"] == len(PHOTOS)
    rows = {row["method"]: row for row in report["rows"] if "method" in row}
    assert {"cam", "gradcam"} <= rows.keys()
    with pytest.raises(wherefore.ProgramError, match="none"):
        wherefore.evaluate("none", MODEL)


def test_an_evaluation_stays_where_it_is_to(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text(f"file,class\n{ROCKET},missile\nnone.jpg,missile\n")
    report = wherefore.evaluate(data, MODEL, out=tmp_path / "results")

    assert (tmp_path / "results/photos.csv").exists()
    assert report == wherefore.evaluate(data, MODEL, tmp_path / "results")
