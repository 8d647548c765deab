"""What the performer's motion is relative to.

Usually the performer's own neutral face at the anchor frame. When the character IS the performer (a frame of the
same shoot), the frames that look like the character's picture are the better zero: the picture is then reproduced
exactly where the performer looks like it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types import MotionTrack

SAME_PERSON_CM = 0.11
"""Mean distance of two un-posed faces below which they are one person with one expression. A person's face repeats
itself to about 0.05 cm; the best matching frames of two people differ by 0.16 cm and more (65 pairs measured)."""
SAME_TURN_DEGREES = 6.0
MOST_FRAMES = 15


@dataclass(frozen=True)
class Baseline:
    """shape: float32 [478, 3] cm. rotation: float32 [3, 3]. scale: float. translation: float32 [2] px.
    gaze: float32 [2, 2]. frame: index of the frame it was taken at. alike: int64 [n], the frames that
    look like the character's picture, of a performer who is the character."""

    shape: torch.Tensor
    rotation: torch.Tensor
    scale: torch.Tensor
    translation: torch.Tensor
    gaze: torch.Tensor
    frame: int
    from_character: bool = False
    alike: torch.Tensor | None = None


def choose_baseline(
    track: MotionTrack, shapes: torch.Tensor, character: torch.Tensor, facing: torch.Tensor
) -> Baseline:
    """shapes: float32 [T, 478, 3] the performer un-posed; character: float32 [478, 3] cm, facing: float32 [3, 3]."""
    distance = (shapes[:, :468, :2] - character[:468, :2]).norm(dim=2).mean(1)
    turn = _degrees_between(track.rotation, facing)
    alike = (track.face_confidence > 0.5) & (turn < SAME_TURN_DEGREES)
    distance = torch.where(alike, distance, torch.inf)
    best = float(distance.min())
    if best > SAME_PERSON_CM:
        at = track.anchor
        return Baseline(
            track.neutral, track.rotation[at], track.scale[at], track.translation[at], torch.zeros(2, 2), at
        )
    order = distance.argsort()[:MOST_FRAMES]
    order = order[distance[order] < best + 0.02]
    at = int(order[0])
    return Baseline(
        shapes[order].mean(0),
        track.rotation[at],
        track.scale[at],
        track.translation[at],
        track.gaze[order].mean(0),
        at,
        from_character=True,
        alike=order,
    )


def _degrees_between(rotations: torch.Tensor, facing: torch.Tensor) -> torch.Tensor:
    trace = (rotations * facing).sum((1, 2))
    return torch.rad2deg(((trace - 1) / 2).clamp(-1, 1).acos())
