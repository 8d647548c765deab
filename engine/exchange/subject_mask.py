"""Where the tracked person is in each frame: the person matte, without the other people in the picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as functional

from ...models.matte import person_matte
from .. import runtime
from ..types import Clip, MotionTrack, Progress
from .frames import paired

REACH = 0.3
"""How far hair, clothes and things in the hand may reach beyond face and joints, in sides of their box."""
REACH_OF_FACE = 1.6
"""The same for a subject of which only the face is known, in sides of the face's box: shoulders are that wide."""
SMALL = 256
"""px of the longer side at which connected parts of the matte are told apart."""
PERSON = 0.5


def subject_masks(
    clip: Clip, track: MotionTrack, progress: Progress | None = None, refine: bool = True
) -> Iterator[torch.Tensor]:
    """float32 batches [B, H, W] 0..1, one mask for each frame of the clip; empty where nobody is tracked.

    A part of the matte counts when it is connected with the subject's face or joints, and not far to their sides
    or above: two people who touch are parted there. refine: let the edges follow the picture.
    Raises SettingError when clip and track do not belong together.
    """
    batches = paired(clip, track)
    runtime.place_networks()
    return _masks(batches, track, progress, refine)


def _masks(batches, track, progress, refine):
    for batch in batches:
        runtime.check_interrupted()
        mattes = person_matte(batch.frames, refine=refine)
        for row, matte in enumerate(mattes):
            matte.mul_(_near(matte, *_anchors(track, batch.first + row)))
        yield mattes
        if progress:
            progress(batch.first + len(batch), len(track))


def _anchors(track: MotionTrack, frame: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Places that belong to the subject, float32 [N, 2] px, and the box x0, y0, x1, y1 that it stays in.

    The box goes by all joints, seen or not: in a close-up those below the picture say how wide the body is. It has no
    lower side, because a body goes on below what is seen of it.
    """
    joints = track.body[frame]
    seen, places = joints[joints[:, 3] > 0.5, :2], joints[joints[:, 3:].amax(1) > 0, :2]
    reach = REACH if len(places) else REACH_OF_FACE
    if float(track.face_confidence[frame]) > 0:
        face = track.face_points[frame, :, :2]
        seen, places = torch.cat([seen, face]), torch.cat([places, face])
    if not len(places):
        return seen, torch.zeros(4)
    low, high = places.amin(0), places.amax(0)
    margin = reach * (high - low).amax()
    box = torch.cat([low - margin, high + margin])
    box[3] = torch.inf
    border = torch.tensor([track.width, track.height] * 2, dtype=torch.float32)
    return seen, torch.maximum(torch.minimum(box, border), torch.zeros(4))


def _near(matte: torch.Tensor, seen: torch.Tensor, box: torch.Tensor) -> torch.Tensor:
    """1 where the matte [H, W] may be the subject, 0 elsewhere, with a soft border: [H, W]."""
    from scipy import ndimage

    height, width = matte.shape
    if not len(seen):
        return torch.zeros(height, width)
    scale = min(1.0, SMALL / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = functional.interpolate(matte[None, None], size, mode="area")[0, 0].numpy()
    x0, y0, x1, y1 = (box * torch.tensor([size[1] / width, size[0] / height]).repeat(2)).round().int().tolist()
    allowed = np.zeros(size, dtype=bool)
    allowed[y0:y1, x0:x1] = True
    parts, _ = ndimage.label((small > PERSON) & allowed)
    column = (seen[:, 0] * size[1] / width).long()
    row = (seen[:, 1] * size[0] / height).long()
    inside = (column >= 0) & (column < size[1]) & (row >= 0) & (row < size[0])
    touched = np.unique(parts[row[inside].numpy(), column[inside].numpy()])
    kept = np.isin(parts, touched[touched > 0])
    kept = ndimage.binary_dilation(kept, iterations=3)  # the soft edge of the matte lies outside its half
    return functional.interpolate(torch.from_numpy(kept).float()[None, None], (height, width), mode="bilinear")[0, 0]
