"""Converts a default model for LiteRT: litert_model.py FOLDER OUT.tflite

Pictures go in with channels last, as LiteRT's own models have them: with
channels first it would turn each of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import litert_torch
import torch
from torch_model import network


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    spec = json.loads((folder / "model.json").read_text(encoding="utf-8"))["input"]
    model = litert_torch.to_channel_last_io(network(folder), args=[0]).eval()
    picture = torch.zeros(1, spec["height"], spec["width"], 3)
    litert_torch.convert(model, (picture,)).export(str(out))


if __name__ == "__main__":
    main()
