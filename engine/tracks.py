"""Making MotionTracks: the blank one that capture and the authored performance fill in."""

from __future__ import annotations

from fractions import Fraction

import torch

from .geometry.pose import canonical_face
from .types import BODY_JOINTS, FACE_PARTS, HAND_JOINTS, RELIEF_MAPS, RELIEF_SIDE, MotionTrack


def blank_track(times: torch.Tensor, frame_rate: Fraction, width: int, height: int) -> MotionTrack:
    """Nobody is seen and nothing moves: a resting canonical face in the middle of the picture at confidence 0.

    times: float64 [T], seconds from the start of the window. Fill in with `dataclasses.replace`.
    """
    count = len(times)
    neutral = canonical_face()
    scale = torch.full((count,), min(width, height) / 60)
    translation = torch.tensor([width / 2, height / 2]).repeat(count, 1)
    points = scale[:, None, None] * neutral + torch.cat([translation, torch.zeros(count, 1)], 1)[:, None]
    return MotionTrack(
        frame_rate=frame_rate,
        width=width,
        height=height,
        times=times,
        face_points=points,
        face_confidence=torch.zeros(count),
        neutral=neutral,
        rotation=torch.eye(3).repeat(count, 1, 1),
        scale=scale,
        translation=translation,
        gaze=torch.zeros(count, 2, 2),
        expression=torch.zeros(count, 0),
        expression_names=(),
        body=torch.zeros(count, BODY_JOINTS, 5),
        body_world=torch.zeros(count, BODY_JOINTS, 3),
        hands=torch.zeros(count, 2, HAND_JOINTS, 3),
        hand_confidence=torch.zeros(count, 2),
        camera=torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(count, 1),
        anchor=0,
        subject_box=torch.zeros(count, 4),
        face_visibility=torch.zeros(count, len(FACE_PARTS)),
        quality=torch.ones(count, 2),
        relief=torch.zeros(count, RELIEF_MAPS),
        relief_basis=torch.zeros(RELIEF_MAPS, RELIEF_SIDE, RELIEF_SIDE),
    )
