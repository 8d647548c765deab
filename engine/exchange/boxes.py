"""Boxes of a track: the face's, as the models' face input cuts it out, and the subject's.

A box is x0, y0, x1, y1 px, right and bottom excluded, inside the picture.
"""

from __future__ import annotations

import torch

from ..types import MotionTrack
from .face68 import FACE68

AREA = 1.3
"""How much larger than the box of the face points the cut is, in area (Wan 2.2 Animate's preprocessing)."""
UPWARD = 0.75
"""Share of the growth in height that goes to the forehead, which the 68 points leave out."""


def face_boxes(track: MotionTrack) -> torch.Tensor:
    """Whole pixels, int64 [T, 4]. Grown in area by AREA at the same proportions: evenly to the sides, UPWARD of the
    height's growth to the top; then cut off at the picture's border."""
    flat = track.face_points[:, list(FACE68), :2].double()
    low, high = flat.amin(1), flat.amax(1)
    growth = (high - low) * (AREA**0.5 - 1)
    low = low - growth * torch.tensor([0.5, UPWARD])
    high = high + growth * torch.tensor([0.5, 1 - UPWARD])
    return _inside(torch.cat([low, high], 1), track).long()


def subject_boxes(track: MotionTrack) -> torch.Tensor:
    """The box of the face and the visible joints, float32 [T, 4]; 0, 0, 0, 0 where nobody is seen."""
    return torch.where(track.subject_box[:, 2:].amax(1, keepdim=True) > 0, _inside(track.subject_box, track), 0.0)


def bounding_boxes(boxes: torch.Tensor, label: str = "face") -> list[list[dict]]:
    """ComfyUI's BOUNDING_BOX: for each frame a list with one box x, y, width, height."""
    return [
        [{"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "label": label, "score": 1.0}]
        for x0, y0, x1, y1 in boxes.tolist()
    ]


def _inside(boxes: torch.Tensor, track: MotionTrack) -> torch.Tensor:
    """A box that lies outside keeps at least one pixel at the border it left by."""
    limit = boxes.new_tensor([track.width, track.height])
    low = boxes[:, :2].clamp_min(0).minimum(limit - 1)
    high = torch.maximum(boxes[:, 2:].clamp_min(0).minimum(limit), low + 1)
    return torch.cat([low, high], 1)
