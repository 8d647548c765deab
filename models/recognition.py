"""Face recognition with a network that the user has: an aligned face in, a vector in which one person's faces agree.

Taken are ArcFace-family networks, as .onnx (insightface's packages; MobileFaceNet, iresnet and their kin) or as the
.safetensors state dict of an iresnet. They run as a `GraphNetwork` (see `recognition_graph`), on the device of all
others.

Alignment: five points of the face are moved by a similarity onto the places they have in the 112 x 112 crops on which
these networks were trained (InsightFace, MIT: python-package/insightface/utils/face_align.py).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from . import loading
from .crops import crop_regions
from .face_topology import LEFT_EYE, NOSE_TIP, RIGHT_EYE
from .graph import GraphNetwork
from .onnx_file import OnnxError, read_onnx
from .recognition_graph import Recipe, iresnet_graph, recipe

log = logging.getLogger(__name__)

SIDE = 112
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041))
"""px in the crop: the eye at the picture's left, the other eye, the tip of the nose, the mouth corners."""
SUFFIXES = (".onnx", ".safetensors")


class RecognitionError(ValueError):
    """A file that is no recognition network this pack can run; the text is one sentence for the user."""


@dataclass(frozen=True)
class Recogniser:
    """A network with the name of its file. raw: it wants 0..255 where others want -1..1."""

    name: str
    network: GraphNetwork
    raw: bool

    def embed(self, image: Tensor, points: Tensor) -> Tensor:
        """image uint8 [H, W, 3], points [478, 3] px -> unit vector [N] of the face and its mirror image."""
        module, device, dtype = loading.place(self.network, f"recognition of {self.name}")
        crop = aligned_face(image, points).to(device, dtype)
        if not self.raw:
            crop = crop / 127.5 - 1
        both = module(torch.cat([crop, crop.flip(3)]))["embedding"].float().cpu().flatten(1)
        return torch.nn.functional.normalize(both.sum(0), dim=0)


def load_recogniser(path: Path) -> Recogniser:
    """The network in a file. Raises RecognitionError."""
    try:
        if path.suffix.lower() == ".onnx":
            made = recipe(read_onnx(path))
        else:
            made = recipe(iresnet_graph(_state_dict(path)))
        network = _built(made)
    except OnnxError as problem:
        raise RecognitionError(f"The recognition network {path.name} {problem}.") from problem
    return Recogniser(path.name, network, made.raw)


def _state_dict(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except Exception as error:  # the library has its own error class, and others for what it cannot convert
        raise OnnxError("cannot be read; copy it again") from error


def _built(made: Recipe) -> GraphNetwork:
    """The network with its weights, tried once: shapes that do not fit each other show here."""
    extras = {name: value for name, value in made.state.items() if "." not in name}
    try:
        network = GraphNetwork(made.graph, extras, loading.operations())
        network.load_state_dict(made.state)
        network.eval().to(memory_format=torch.channels_last)
        with torch.no_grad():
            vector = network(torch.zeros(1, 3, SIDE, SIDE))["embedding"]
    except (RuntimeError, KeyError, TypeError, ValueError, IndexError) as error:
        log.debug("recognition network", exc_info=True)
        raise OnnxError(f"is no recognition network for faces of {SIDE} x {SIDE} px") from error
    if not 32 <= vector.numel() <= 4096:
        raise OnnxError(f"gives {vector.numel()} values where a recognition network gives 64 to 1024")
    return network


def aligned_face(image: Tensor, points: Tensor) -> Tensor:
    """image uint8 [H, W, 3], points [478, 3] px -> float32 [1, 3, 112, 112] RGB 0..255."""
    source = five_points(points)
    target = torch.tensor(TEMPLATE)
    middle, goal = source.mean(0), target.mean(0)
    a, b = torch.view_as_complex((source - middle).contiguous()), torch.view_as_complex((target - goal).contiguous())
    turn = (a.conj() * b).sum() / a.abs().square().sum().clamp_min(1e-9)  # scale and rotation, picture -> crop
    centre = torch.view_as_real(torch.complex(*(SIDE / 2 - goal)) / turn)  # of the crop, from the points' middle
    side, angle = SIDE / turn.abs(), -turn.angle()
    region = torch.stack([*(middle + centre), side, side, angle])[None]
    fine = SIDE * max(1, min(8, round(float(side) / SIDE)))  # sampled finer, then averaged: no aliasing
    crop = crop_regions(image[None], region, fine)
    return torch.nn.functional.avg_pool2d(crop, fine // SIDE)


def five_points(points: Tensor) -> Tensor:
    """[5, 2] px: the middles of both eyes (of the lids: the gaze does not matter), nose tip, mouth corners."""
    eyes = [points[list(ring), :2].mean(0) for ring in (RIGHT_EYE, LEFT_EYE)]
    return torch.stack([*eyes, points[NOSE_TIP, :2], points[61, :2], points[291, :2]])
