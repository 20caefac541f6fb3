"""Where models are."""

from __future__ import annotations

import os
from pathlib import Path

from ._errors import FileError
from ._library import PACKAGE

DEFAULT_MODEL = "efficientnet-lite0"


def data_home() -> Path:
    """The user's own folder for wherefore's models."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share"
    return Path(home) / "wherefore" / "models"


def places() -> list[Path]:
    """Where the default model is looked for, in this order."""
    shared = [PACKAGE / "share", Path("/usr/local/share"), Path("/usr/share")]
    folders = [Path("models"), data_home()]
    folders[1:1] = [shared[0] / "wherefore/models"]
    folders += [folder / "wherefore/models" for folder in shared[1:]]
    return [folder / DEFAULT_MODEL for folder in folders]


def default_model() -> Path:
    """$WHEREFORE_MODEL, or the default model in one of the usual folders."""
    if named := os.environ.get("WHEREFORE_MODEL"):
        return Path(named)
    for folder in places():
        if (folder / "model.json").exists():
            return folder
    raise FileError(
        "there is no model yet: `python -m wherefore.model` makes one in "
        f"{data_home()}, or name the folder of yours"
    )
