"""Skeleton pictures in the styles that video models were trained on: OpenPose, and Wan Animate.

Both draw limbs as ellipses at 0.6 of their colour and joints as discs in full colour on black. Numbers of OpenPose:
ControlNet's annotator (18 points, 4 px at any size, faces as white dots). Numbers of Wan Animate: the preprocessing of
the Wan 2.2 Animate release (20 points with toes, widths by the picture's size, no face points: the face goes its own
way, see `face_crops`).
"""

from __future__ import annotations

import colorsys
import math
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import SettingError
from ..types import MotionTrack
from .drawing import draw_line, fill_disc, fill_ellipse
from .openpose import KeyPoints, key_points

COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0), (0, 255, 0), (0, 255, 85),
    (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255), (0, 0, 255), (85, 0, 255), (170, 0, 255),
    (255, 0, 255), (255, 0, 170), (255, 0, 85), (200, 200, 0), (100, 100, 0),
)  # fmt: skip
"""RGB. Limb i of LIMBS and point i of the body share a colour; the last two are the toes'."""
LIMBS = (
    (2, 3), (2, 6), (3, 4), (4, 5), (6, 7), (7, 8), (2, 9), (9, 10), (10, 11), (2, 12), (12, 13), (13, 14),
    (2, 1), (1, 15), (15, 17), (1, 16), (16, 18), (14, 19), (11, 20),
)  # fmt: skip
"""Point numbers from 1: the 18 of OpenPose, 19 the left and 20 the right toe."""
LIMB_SHARE = 0.6
HAND_EDGES = tuple(
    (start, end) for base in range(1, 21, 4) for start, end in zip((0, base, base + 1, base + 2), range(base, base + 4))
)
HAND_COLOURS = tuple(tuple(int(v * 255) for v in colorsys.hsv_to_rgb(i / 20, 1, 1)) for i in range(20))
HAND_DOT = (0, 0, 255)
FACE_DOT = (255, 255, 255)


@dataclass(frozen=True)
class _Style:
    """Widths in px for a picture. points: of the body. threshold: score below which nothing is drawn."""

    points: int
    half_width: int
    joint: int
    hand_line: int
    hand_dot: int
    face_dot: int
    threshold: float


def _openpose(width: int, height: int) -> _Style:
    return _Style(points=18, half_width=4, joint=4, hand_line=2, hand_dot=4, face_dot=3, threshold=0.3)


def _wan_animate(width: int, height: int) -> _Style:
    limb = max(int(min(height, width) / 200) - 1, 1)
    line = max(limb // 2, 1)
    return _Style(points=20, half_width=limb, joint=limb, hand_line=line, hand_dot=line, face_dot=0, threshold=0.5)


STYLES = {"openpose": _openpose, "wan animate": _wan_animate}


def draw_styled(
    track: MotionTrack, style: str, start: int = 0, stop: int | None = None, max_side: int | None = None
) -> torch.Tensor:
    """Frames [start, stop) as uint8 [B, H, W, 3] on black, at most max_side px on the longer side.

    style: one of STYLES. Raises SettingError for another.
    """
    if style not in STYLES:
        raise SettingError(f"the skeleton style is '{style}'; choose {' or '.join(STYLES)}.")
    scale = min(1.0, max_side / max(track.width, track.height)) if max_side else 1.0
    width, height = max(1, round(track.width * scale)), max(1, round(track.height * scale))
    look, points = STYLES[style](width, height), key_points(track)
    frames = range(start, len(track) if stop is None else min(stop, len(track)))
    pictures = np.zeros((len(frames), height, width, 3), dtype=np.uint8)
    for canvas, i in zip(pictures, frames):
        _draw(canvas, points, i, scale, look)
    return torch.from_numpy(pictures)


def _draw(canvas: np.ndarray, points: KeyPoints, frame: int, scale: float, look: _Style) -> None:
    body = points.body[frame]
    if look.points == 20:
        feet = points.feet[frame]
        toes = torch.stack([feet[0:2].mean(0), feet[3:5].mean(0)])  # the means of the big and the small toe
        toes[:, 2] = torch.stack([feet[0:2, 2].amin(), feet[3:5, 2].amin()])
        body = torch.cat([body, toes])
    _draw_body(canvas, _scaled(body, scale), look)
    for hand in points.hands[frame]:
        _draw_hand(canvas, _scaled(hand, scale), look)
    if look.face_dot:
        for x, y, score in _scaled(points.face[frame, :68], scale):
            if score >= look.threshold:
                fill_disc(canvas, (int(x), int(y)), look.face_dot, FACE_DOT)


def _draw_body(canvas: np.ndarray, body: list[list[float]], look: _Style) -> None:
    for (a, b), colour in zip(LIMBS, COLOURS):
        if max(a, b) > look.points:
            continue
        (ax, ay, seen_a), (bx, by, seen_b) = body[a - 1], body[b - 1]
        if min(seen_a, seen_b) < look.threshold:
            continue
        fill_ellipse(
            canvas,
            (int((ax + bx) / 2), int((ay + by) / 2)),
            int(math.hypot(ax - bx, ay - by) / 2),
            look.half_width,
            int(math.degrees(math.atan2(ay - by, ax - bx))),
            tuple(int(LIMB_SHARE * value) for value in colour),
        )
    for (x, y, seen), colour in zip(body, COLOURS):
        if seen >= look.threshold:
            fill_disc(canvas, (int(x), int(y)), look.joint, colour)


def _draw_hand(canvas: np.ndarray, hand: list[list[float]], look: _Style) -> None:
    for (a, b), colour in zip(HAND_EDGES, HAND_COLOURS):
        (ax, ay, seen_a), (bx, by, seen_b) = hand[a], hand[b]
        if min(seen_a, seen_b) >= look.threshold:
            draw_line(canvas, (int(ax), int(ay)), (int(bx), int(by)), look.hand_line, colour)
    for x, y, seen in hand:
        if seen >= look.threshold:
            fill_disc(canvas, (int(x), int(y)), look.hand_dot, HAND_DOT)


def _scaled(points: torch.Tensor, scale: float) -> list[list[float]]:
    return (points * torch.tensor([scale, scale, 1.0])).tolist()
