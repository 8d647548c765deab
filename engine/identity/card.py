"""The report of a bound character as a picture: its images with their verdicts, and a map of the angles they cover.

+--------------------------------------------------+
| title, one line of what was made of it           |
| [face]  name, angles        |  yaw / pitch map   |
|         checks and advice   |  with the faces    |
| [face]  ...                 |  notes and advice  |
+--------------------------------------------------+
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from ..types import Identity, View
from .coverage import DIRECTIONS, PITCH_REACH, YAW_REACH, Coverage, coverage
from .likeness import DOUBT, LEFT_OUT
from .report import ADVICE, VERDICTS, checks_of, notes, verdict

WIDTH, MARGIN, GAP = 1280, 28, 18
COLUMN = 640
"""Where the right column begins."""
THUMB = 132
MAP = (WIDTH - COLUMN - MARGIN, 330)
MAP_YAW, MAP_PITCH = 90.0, 47.0
PAPER, PANEL, LINE = (24, 25, 28), (36, 38, 43), (72, 76, 84)
INK, FAINT, ACCENT = (236, 237, 240), (160, 165, 174), (94, 178, 255)
COLOURS = {"pass": (88, 196, 120), "warn": (240, 180, 60), "fail": (235, 92, 84)}
LEGEND = ((ACCENT, None, "within reach"), (None, COLOURS["warn"], "picture to add"), (None, FAINT, "optional"))
MOST_ROWS = 12
"""Images with a row of their own; the rest is only counted."""


def draw_card(identity: Identity) -> torch.Tensor:
    """uint8 [H, W, 3], WIDTH px wide and as high as the number of images asks for."""
    found = coverage(identity)
    rows = [_row(identity, number, found) for number in _shown(identity)]
    side = _side(identity, found)
    more = len(identity.views) - len(rows)
    left = sum(row.height + GAP for row in rows) + (30 if more else 0)
    top = 96
    height = top + max(left, side.height) + MARGIN
    card = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(card)
    count = len(identity.views)
    draw.text((MARGIN, 22), "Character", INK, _font(28))
    line = f"{count} image{'s' if count > 1 else ''}; main image {identity.view.name}"
    draw.text((MARGIN, 58), _cut(line, 17, WIDTH - 2 * MARGIN), FAINT, _font(17))
    y = top
    for row in rows:
        card.paste(row, (MARGIN, y))
        y += row.height + GAP
    if more:
        draw.text((MARGIN, y), f"and {more} more image{'s' if more > 1 else ''}", FAINT, _font(16))
    card.paste(side, (COLUMN, top))
    return torch.from_numpy(np.array(card))


def _shown(identity: Identity) -> list[int]:
    """The rendered image first, the others in their order."""
    others = [number for number in range(len(identity.views)) if number != identity.primary]
    return [identity.primary, *others][:MOST_ROWS]


def _row(identity: Identity, number: int, found: Coverage) -> Image.Image:
    view, (yaw, pitch) = identity.views[number], found.angles[number]
    width, x = COLUMN - MARGIN - GAP, THUMB + 2 * 14
    checks, lines = checks_of(identity, number), []
    for check in sorted(checks, key=lambda one: -VERDICTS.index(one.verdict)):
        if check.verdict != "pass":
            lines.append((f"{check.name}: {check.measured}", COLOURS[check.verdict], True))
            advice = f"wanted {check.wanted}; {check.advice}" if check.advice else f"wanted {check.wanted}"
            lines += [(part, FAINT, False) for part in _wrapped(advice, 15, width - x - 30)]
    good = [check.name for check in checks if check.verdict == "pass"]
    if good:
        parts = _wrapped("good: " + ", ".join(good), 15, width - x - 30)
        lines += [(part, COLOURS["pass"], first == 0) for first, part in enumerate(parts)]
    height = max(THUMB + 28, 72 + 22 * len(lines) + 8)
    row = Image.new("RGB", (width, height), PANEL)
    draw = ImageDraw.Draw(row)
    draw.rectangle((0, 0, 5, height), fill=COLOURS[verdict(checks)])
    row.paste(_face(view, THUMB), (14, 14))
    rendered = number == identity.primary
    room = width - x - 20 - (70 if rendered else 0)
    name = _cut(view.name, 19, room)
    draw.text((x, 13), name, INK, _font(19))
    if rendered:
        left = x + _font(19).getlength(name) + 12
        draw.rounded_rectangle((left, 13, left + 58, 36), 11, fill=ACCENT)
        draw.text((left + 12, 16), "main", PAPER, _font(15))
    height_px, width_px = view.image.shape[:2]
    draw.text((x, 41), f"{_looks(yaw, pitch)}, {width_px} x {height_px} px", FAINT, _font(15))
    for index, (text, colour, first) in enumerate(lines):
        y = 70 + 22 * index
        if first:
            draw.ellipse((x + 1, y + 5, x + 10, y + 14), fill=colour)
        draw.text((x + 20, y), _cut(text, 15, width - x - 26), INK if first else FAINT, _font(15))
    return row


def _looks(yaw: float, pitch: float) -> str:
    across = f"{abs(yaw):.0f} degrees to the {'left' if yaw < 0 else 'right'}" if abs(yaw) >= 5 else "straight"
    level = f", {abs(pitch):.0f} {'up' if pitch < 0 else 'down'}" if abs(pitch) >= 5 else ""
    return f"looks {across}{level}"


def _side(identity: Identity, found: Coverage) -> Image.Image:
    """The map and the notes below it."""
    lines = []
    for note in notes(identity):
        colour = COLOURS["fail"] if LEFT_OUT in note else COLOURS["warn"] if DOUBT in note or ADVICE in note else None
        parts = _wrapped(note.removeprefix(ADVICE), 15, MAP[0] - 40)
        lines += [(part, colour, first == 0) for first, part in enumerate(parts)]
    size = (MAP[0], MAP[1] + 34 + 16 + 22 * len(lines) + 8)
    side = Image.new("RGB", size, PAPER)
    side.paste(_map(identity, found), (0, 0))
    draw = ImageDraw.Draw(side)
    x, y = 0, MAP[1] + 8
    for colour, outline, text in LEGEND:
        draw.ellipse((x, y + 3, x + 13, y + 16), fill=colour, outline=outline, width=2)
        draw.text((x + 20, y), text, FAINT, _font(15))
        x += 40 + int(_font(15).getlength(text))
    y += 36
    for text, colour, first in lines:
        if first:
            draw.ellipse((2, y + 5, 11, y + 14), fill=colour or LINE)
        draw.text((22, y), text, INK if colour else FAINT, _font(15))
        y += 22
    return side


def _map(identity: Identity, found: Coverage) -> Image.Image:
    """Yaw to the right, pitch down, the reach of every view, the views as small faces, wishes as rings."""
    fine = 2  # drawn twice as large and shrunk: PIL draws ellipses without smoothing
    width, height = MAP[0] * fine, MAP[1] * fine
    plot = Image.new("RGB", (width, height), PANEL)
    reach = Image.new("L", (width, height), 0)
    x_of = lambda yaw: width * (0.5 + yaw / (2 * MAP_YAW) * 0.94)  # noqa: E731
    y_of = lambda pitch: height * (0.5 + pitch / (2 * MAP_PITCH) * 0.9)  # noqa: E731
    brush = ImageDraw.Draw(reach)
    for (yaw, pitch), used in zip(found.angles, found.used, strict=True):
        if not used:
            continue
        low = (x_of(yaw - YAW_REACH), y_of(pitch - PITCH_REACH))
        brush.ellipse((*low, x_of(yaw + YAW_REACH), y_of(pitch + PITCH_REACH)), fill=110)
    plot.paste(Image.new("RGB", plot.size, ACCENT), (0, 0), reach)
    draw = ImageDraw.Draw(plot)
    for yaw in range(-75, 76, 25):
        draw.line((x_of(yaw), 0, x_of(yaw), height), fill=LINE, width=fine if yaw == 0 else 1)
        _label(draw, (x_of(yaw), height - 14 * fine), f"{abs(yaw)}", 12 * fine, FAINT)
    for pitch in (-25, 0, 25):
        draw.line((0, y_of(pitch), width, y_of(pitch)), fill=LINE, width=fine if pitch == 0 else 1)
    for one in found.missing:
        x, y, r = x_of(one.yaw), y_of(one.pitch), 17 * fine
        colour = COLOURS["warn"] if one.needed else FAINT
        draw.ellipse((x - r, y - r, x + r, y + r), outline=colour, width=2 * fine)
        _label(draw, (x, y + r + 11 * fine), one.name, 13 * fine, colour)
    for one in DIRECTIONS:
        crowded = any(abs(one.yaw - yaw) < 12 and abs(one.pitch + 10 - pitch) < 9 for yaw, pitch in found.angles)
        if one in found.covered and not crowded:
            _label(draw, (x_of(one.yaw), y_of(one.pitch) + 34 * fine), one.name, 13 * fine, INK)
    for text, place in (("looks left", (46, 14)), ("looks right", (MAP[0] - 48, 14)), ("looks up", (MAP[0] / 2, 14))):
        _label(draw, (place[0] * fine, place[1] * fine), text, 13 * fine, FAINT)
    others = [number for number in range(len(identity.views)) if number != identity.primary]
    for number in [*others, identity.primary]:
        yaw, pitch = found.angles[number]
        r = (25 if number == identity.primary else 20) * fine
        x = int(min(max(x_of(yaw), r + 2), width - r - 2))
        y = int(min(max(y_of(pitch), r + 2), height - r - 2))
        disc = Image.new("L", (2 * r, 2 * r), 0)
        ImageDraw.Draw(disc).ellipse((0, 0, 2 * r - 1, 2 * r - 1), fill=255)
        plot.paste(_face(identity.views[number], 2 * r), (x - r, y - r), disc)
        ring = ACCENT if number == identity.primary else INK
        draw.ellipse((x - r, y - r, x + r, y + r), outline=ring, width=2 * fine)
    return plot.resize(MAP, Image.Resampling.LANCZOS)


def _label(draw: ImageDraw.ImageDraw, place, text: str, size: int, colour) -> None:
    draw.text(place, text, colour, _font(size), anchor="mm")


def _face(view: View, side: int) -> Image.Image:
    """The head of a view, square."""
    face = view.points[:468, :2]
    low, high = face.amin(0), face.amax(0)
    cx, cy = ((low + high) / 2).tolist()
    reach = 0.85 * float((high - low).max())
    box = [round(cx - reach), round(cy - 1.1 * reach), round(cx + reach), round(cy + 0.9 * reach)]
    height, width = view.image.shape[:2]
    x0, y0, x1, y1 = max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])
    whole = Image.new("RGB", (box[2] - box[0], box[3] - box[1]), LINE)
    whole.paste(Image.fromarray(view.image[y0:y1, x0:x1].contiguous().numpy()), (x0 - box[0], y0 - box[1]))
    return whole.resize((side, side), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _cut(text: str, size: int, width: float) -> str:
    """The text, with its end left out where it is too wide."""
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text.rstrip() + "..."


def _wrapped(text: str, size: int, width: float) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and _font(size).getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(_cut(word, size, width))
    return lines
