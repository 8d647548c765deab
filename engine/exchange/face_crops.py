"""Face pictures for the models that take the performer's face as one: cut out of the clip frame by frame."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as functional

from .. import runtime
from ..errors import CaptureError
from ..types import Clip, MotionTrack, Progress
from .boxes import face_boxes
from .frames import paired

SIDE = 512
"""px; the face input of Wan 2.2 Animate."""


def face_crops(
    clip: Clip, track: MotionTrack, side: int = SIDE, progress: Progress | None = None
) -> Iterator[torch.Tensor]:
    """uint8 batches [B, side, side, 3], one picture for each frame of the clip: the face's box (see `boxes`) stretched
    to a square. While the face is hidden its last known place is cut out.

    Raises SettingError when clip and track do not belong together, CaptureError for a track without a face.
    """
    if not track.has_face:
        raise CaptureError("the track holds no face, so there is none to cut out; choose a clip that shows a face.")
    batches, boxes = paired(clip, track), face_boxes(track)
    return _crops(batches, boxes, side, progress)


def _crops(batches, boxes, side, progress):
    for batch in batches:
        runtime.check_interrupted()
        places = boxes[batch.first : batch.first + len(batch)]
        yield torch.stack([stretched(frame, box, side) for frame, box in zip(batch.frames, places)])
        if progress:
            progress(batch.first + len(batch), len(boxes))


def stretched(frame: torch.Tensor, box: torch.Tensor, side: int) -> torch.Tensor:
    """uint8 [H, W, 3] inside box x0, y0, x1, y1 -> uint8 [side, side, 3]: bilinear, as OpenCV's resize does it."""
    x0, y0, x1, y1 = box.tolist()
    planes = frame[y0:y1, x0:x1].permute(2, 0, 1)[None].float()
    out = functional.interpolate(planes, (side, side), mode="bilinear", align_corners=False)
    return out[0].permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
