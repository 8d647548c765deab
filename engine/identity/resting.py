"""The face without the expression that its picture shows, so that it can close its mouth and smile from rest."""

from __future__ import annotations

import torch

from ..geometry import face_regions as regions
from ..geometry.face_rig import rig_delta

# Resting faces: 9 photographs and 5 resting performers gave, in outer eye distances, a mouth 0.54 wide (deviation
# 0.03) whose corners lie 0.022 (0.018) below its middle, with lips apart by up to 0.05. What goes beyond one deviation
# is taken for expression and taken back; the rest may be this face.
WIDE, RAISED, LOWERED, APART = 0.565, -0.008, -0.038, 0.05
MOST_SMILE, MOST_FROWN, MOST_JAW = 0.9, 0.4, 0.8


def resting_controls(shape: torch.Tensor) -> dict[str, float]:
    """What a face [478, 3] in head space does beyond rest, as amounts of `face_rig.CONTROLS`; only those above 0, a
    frown of the mouth as a negative smile."""
    unit = rig_delta(shape, {"mouthSmileRight": torch.ones(1), "mouthSmileLeft": torch.ones(1)})[0]
    jaw = rig_delta(shape, {"jawOpen": torch.ones(1)})[0]
    here = _measure(shape)
    per_smile, per_jaw = _measure(shape + unit) - here, _measure(shape + jaw) - here
    raised, width, gap = here.tolist()
    found = {}
    lift, spread = (raised - RAISED) / float(per_smile[0]), (width - WIDE) / float(per_smile[1])
    if lift > 0 and spread > 0:  # a wide mouth alone or high corners alone are a face, both are a smile
        found["smile"] = min((lift * spread) ** 0.5, MOST_SMILE)
    elif raised < LOWERED:
        found["smile"] = -min((LOWERED - raised) / float(per_smile[0]), MOST_FROWN)
    if gap > APART:
        found["jaw"] = min((gap - APART) / float(per_jaw[2]), MOST_JAW)
    return found


def resting_shape(shape: torch.Tensor) -> torch.Tensor:
    """The face [478, 3] in head space, cm, at rest: float32 [478, 3]."""
    found = resting_controls(shape)
    if not found:
        return shape
    amount = {name: torch.tensor([-found.get("smile", 0.0)]) for name in ("mouthSmileRight", "mouthSmileLeft")}
    amount["jawOpen"] = torch.tensor([-found.get("jaw", 0.0)])
    return shape + rig_delta(shape, amount)[0]


def _measure(shape: torch.Tensor) -> torch.Tensor:
    """Height of the mouth's corners over its middle, its width and the gap of its lips, in outer eye distances: [3]."""
    flat = shape[:, :2]
    unit = (flat[33] - flat[263]).norm()
    right, left = regions.MOUTH_CORNERS
    raised = flat[[13, 14], 1].mean() - flat[[right, left], 1].mean()
    upper, lower = list(regions.INNER_LIP_UPPER[4:7]), list(regions.INNER_LIP_LOWER[4:7])
    gap = (flat[lower, 1] - flat[upper, 1]).mean()
    return torch.stack([raised, (flat[right] - flat[left]).norm(), gap]) / unit
