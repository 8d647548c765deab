"""How strongly each part of the face plays what the performer does."""

from __future__ import annotations

from typing import NamedTuple

import torch

from ..geometry import face_regions as regions
from ..types import RenderSettings

MAX_STRENGTH = 2.0
"""Of every setting and of their product: a face has no room for more."""


class Strength(NamedTuple):
    """Factors on the performer's expression: mouth with cheeks and chin, lids and gaze, brows with the forehead."""

    mouth: float = 1.0
    eyes: float = 1.0
    brows: float = 1.0

    @staticmethod
    def of(settings: RenderSettings) -> Strength:
        parts = (settings.mouth_strength, settings.eyes_strength, settings.brows_strength)
        return Strength(*(min(settings.expression_strength * part, MAX_STRENGTH) for part in parts))


def point_strength(character: torch.Tensor, strength: Strength) -> torch.Tensor:
    """The factor at each point of a face [478, 3] in head space: float32 [478, 1].

    On lips, lids and brows it is their own; the skin between them takes a mean that changes smoothly with the distance,
    so that no edge shows where a strong part meets a weak one.
    """
    if strength.mouth == strength.eyes == strength.brows:
        return torch.full((len(character), 1), strength.mouth)
    lids = [point for eye in (*regions.EYES, *regions.IRISES) for part in eye for point in _listed(part)]
    jaw = [point for point in regions.FACE_OVAL if character[point, 1] > character[regions.NOSE_TIP, 1]]
    brow_line = character[list(regions.RIGHT_BROW + regions.LEFT_BROW), 1].mean()
    forehead = [point for point in regions.FACE_OVAL if character[point, 1] < brow_line]
    groups = (
        (*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER, *regions.INNER_LIP_UPPER, *regions.INNER_LIP_LOWER)
        + tuple(point for row in (*regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS) for point in row)
        + tuple(jaw),
        tuple(lids),
        (*regions.RIGHT_BROW, *regions.LEFT_BROW, *forehead),
    )
    apart = [torch.cdist(character[:, :2], character[list(points), :2]).amin(1) for points in groups]
    # the fourth power keeps the neighbours of a part with it; 0.05 cm is less than the mesh is wide
    weight = torch.stack([(distance + 0.05).pow(-4) for distance in apart])
    share = weight / weight.sum(0)
    return (share * torch.tensor(strength)[:, None]).sum(0)[:, None]


def _listed(part) -> tuple[int, ...]:
    return (part,) if isinstance(part, int) else tuple(part)
