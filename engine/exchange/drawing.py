"""Filled shapes with hard edges on uint8 pictures, drawn as OpenCV draws them: no anti-aliasing, whole pixels.

Places are whole pixels (column, row); what lies outside the picture is cut off. All functions change `canvas`,
uint8 [H, W, 3], in place.
"""

from __future__ import annotations

import math

import numpy as np

Colour = tuple[int, int, int]


def fill_ellipse(canvas, centre: tuple[int, int], half_length: int, half_width: int, degrees: int, colour: Colour):
    """degrees: from the picture's right, clockwise. The outline's pixels belong to the ellipse (hence the halves)."""
    reach = max(half_length, half_width) + 1
    area = _area(canvas, centre[0] - reach, centre[1] - reach, centre[0] + reach, centre[1] + reach)
    if area is None:
        return
    part, x, y = area
    turn = math.radians(degrees)
    along = (x - centre[0]) * math.cos(turn) + (y - centre[1]) * math.sin(turn)
    across = (y - centre[1]) * math.cos(turn) - (x - centre[0]) * math.sin(turn)
    part[(along / (half_length + 0.5)) ** 2 + (across / (half_width + 0.5)) ** 2 <= 1] = colour


def fill_disc(canvas, centre: tuple[int, int], radius: int, colour: Colour):
    """The pixels of a midpoint circle and its inside: 5 for radius 1, 21 for 2, 37 for 3."""
    area = _area(canvas, centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius)
    if area is None:
        return
    part, x, y = area
    part[(x - centre[0]) ** 2 + (y - centre[1]) ** 2 <= radius * radius + (radius > 1)] = colour


def draw_line(canvas, start: tuple[int, int], end: tuple[int, int], thickness: int, colour: Colour):
    """All pixels whose centre is within half the thickness (and half a pixel at least) of the line; round ends."""
    reach = thickness // 2 + 1
    (ax, ay), (bx, by) = start, end
    area = _area(canvas, min(ax, bx) - reach, min(ay, by) - reach, max(ax, bx) + reach, max(ay, by) + reach)
    if area is None:
        return
    part, x, y = area
    dx, dy = bx - ax, by - ay
    share = ((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1)
    share = np.clip(share, 0, 1)
    distance = (x - ax - share * dx) ** 2 + (y - ay - share * dy) ** 2
    part[distance <= max(thickness / 2, 0.5) ** 2] = colour


def _area(canvas, left: int, top: int, right: int, bottom: int):
    """The part of the canvas from left, top to right, bottom inclusive with its columns [1, w] and rows [h, 1]."""
    height, width = canvas.shape[:2]
    left, top, right, bottom = max(left, 0), max(top, 0), min(right + 1, width), min(bottom + 1, height)
    if left >= right or top >= bottom:
        return None
    return canvas[top:bottom, left:right], np.arange(left, right)[None, :], np.arange(top, bottom)[:, None]
