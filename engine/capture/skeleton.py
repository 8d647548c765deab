"""Skeleton pictures of a track: joints and limbs in the OpenPose colours, face contours as points."""

from __future__ import annotations

import numpy as np
import torch

from ..geometry import face_regions as regions
from ..types import MotionTrack

# OpenPose's limb colours, RGB, in the order of LIMBS; joints are MediaPipe's 33, "neck" and "hips" are means.
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0),
    (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255),
)  # fmt: skip
LIMBS = (
    ("neck", 12), ("neck", 11), (12, 14), (14, 16), (11, 13), (13, 15), ("neck", 24), (24, 26), (26, 28),
    ("neck", 23), (23, 25), (25, 27), ("neck", 0),
)  # fmt: skip
FACE_LINES = (
    regions.FACE_OVAL + regions.FACE_OVAL[:1],
    regions.OUTER_LIP_UPPER,
    regions.OUTER_LIP_LOWER,
    regions.INNER_LIP_UPPER,
    regions.INNER_LIP_LOWER,
    *(row for eye in regions.EYES for row in eye),
    regions.RIGHT_BROW_UPPER,
    regions.LEFT_BROW_UPPER,
    (168, 6, 197, 195, 5, 4),
)


def draw_skeleton(track: MotionTrack, start: int, stop: int, max_side: int | None = None) -> torch.Tensor:
    """Frames [start, stop) as uint8 [B, H, W, 3] on black, at most `max_side` px on the longer side."""
    from PIL import Image, ImageDraw

    scale = min(1.0, max_side / max(track.width, track.height)) if max_side else 1.0
    size = (max(1, round(track.width * scale)), max(1, round(track.height * scale)))
    thick = max(1, round(min(size) / 120))
    out = []
    for i in range(start, min(stop, len(track))):
        picture = Image.new("RGB", size)
        pen = ImageDraw.Draw(picture)
        _draw_body(pen, track.body[i], scale, thick)
        if float(track.face_confidence[i]) > 0:
            face = (track.face_points[i, :, :2] * scale).tolist()
            for line in FACE_LINES:
                pen.line([tuple(face[p]) for p in line], fill=(255, 255, 255), width=max(1, thick // 2))
            for iris in regions.IRISES:
                x, y = face[iris[0]]
                pen.ellipse([x - thick, y - thick, x + thick, y + thick], fill=(255, 255, 255))
        out.append(torch.from_numpy(np.array(picture)))
    return torch.stack(out) if out else torch.zeros(0, size[1], size[0], 3, dtype=torch.uint8)


def _draw_body(pen, body: torch.Tensor, scale: float, thick: int) -> None:
    shoulders = body[[11, 12]]
    places = {"neck": (*(shoulders[:, :2].mean(0) * scale).tolist(), float(shoulders[:, 3].amin()))}

    def place(joint):
        if joint in places:
            return places[joint]
        return (*(body[joint, :2] * scale).tolist(), float(body[joint, 3]))

    for (a, b), colour in zip(LIMBS, COLOURS, strict=True):
        (ax, ay, seen_a), (bx, by, seen_b) = place(a), place(b)
        if min(seen_a, seen_b) > 0.5:
            pen.line([(ax, ay), (bx, by)], fill=tuple(int(0.6 * c) for c in colour), width=2 * thick)
            for x, y in ((ax, ay), (bx, by)):
                pen.ellipse([x - thick, y - thick, x + thick, y + thick], fill=colour)
