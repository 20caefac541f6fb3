"""FastAPI, PyTorch and Captum: the peer that `method=saliency` is compared with.

The network is that of fastapi_torch.py. Captum's Saliency gives the absolute
gradient of the class's logit for each colour of each pixel; the map is the largest
of a pixel's colours (Simonyan et al. 2013, section 3)."""

from __future__ import annotations

import json
import os
import threading

import orjson
import torch
from answer import MODEL, classes, decode, network_input, render
from captum.attr import Saliency
from torch_model import network
from web import application

SIDE = json.loads((MODEL / "model.json").read_text(encoding="utf-8"))["input"]["width"]
torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))


class Worker(threading.local):
    """A network a thread, whose logits of the last run are kept: Captum runs the
    network itself, and gives back the gradient alone."""

    def __init__(self) -> None:
        self.network = network(MODEL)
        for parameter in self.network.parameters():
            parameter.requires_grad_(False)
        self.saliency = Saliency(self.forward)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.logits = self.network(x)
        return self.logits.max(dim=1).values


worker = Worker()


def work(body: bytes, longest: int | None) -> bytes:
    """Classes, map, box and overlay, from one pass forward and one back."""
    photo = decode(body)
    x = torch.from_numpy(network_input(photo, SIDE)).requires_grad_()
    gradient = worker.saliency.attribute(x)[0]
    found = classes(worker.logits[0].detach().numpy())
    saliency = gradient.amax(dim=0).numpy()
    return orjson.dumps(
        {"classes": found, "class": found[0]["index"], **render(photo, saliency, longest)}
    )


app = application(work)
