"""Contacts and folds of the expression: lips that touch, lids that close, skin that follows the lips, no fold-over.

All functions change `delta`, float32 [T, 478, 3] in head space (cm), in place. `driver` and `character` are the two
resting faces [478, 3]; `unposed` is the performer's face of every frame [T, 478, 3].
"""

from __future__ import annotations

import torch

from ..geometry import face_regions as regions
from ..geometry.face_rig import CREASE

CREASE_SHARE = 0.3
"""Of a lid's way that the fold above it goes, as in the rig."""
NOISE_GAP = 0.02
"""Gap between the lips, in mouth widths, up to which a mouth counts as closed."""
LEAST_LIP, FULL_OPEN = 0.75, 0.15
"""Share of its height that an opened lip keeps, and the gap in mouth widths from which it does so fully."""
SPEECH_OPEN, WIDE_OPEN = 0.15, 0.35
"""Gaps, in outer eye distances: up to the first a gain is applied fully, from the second not at all."""


def close_lips(delta, unposed, driver, character, strength, gain=1.0, resting=None) -> None:
    """Makes the gap between the lips the driver's gap times the size ratio, in place; lips that touch, touch.

    The gap is absolute: a character photographed with an open mouth closes it when the driver does. strength: of the
    opening; below 1 the picture's own gap stays in part, but not where the driver's lips touch. gain: how much wider
    openings of speech and smiles are drawn; a mouth that is wide open already gets none of it. resting: the character
    without the smile of its picture, whose proportions count; None = the same.
    """
    if strength == 0:
        return
    upper, lower = list(regions.INNER_LIP_UPPER[1:-1]), list(regions.INNER_LIP_LOWER[1:-1])
    gap = unposed[:, lower, 1] - unposed[:, upper, 1]
    width = distance(driver, *regions.MOUTH_CORNERS)
    touching = (torch.quantile(sample_rows(gap), 0.08, dim=0) + 0.008 * width).clamp(max=0.06 * float(width))
    resting = character if resting is None else resting
    ratio = distance(resting, 33, 263) / distance(driver, 33, 263)
    ratio = (ratio * (distance(resting, *regions.MOUTH_CORNERS) / width)).sqrt().clamp(0.5, 1.8)
    wanted = (gap - touching).clamp_min(0)
    # lips that are apart by less than the landmarks' noise everywhere are closed lips, not a dashed line
    widest = wanted.amax(1, keepdim=True) / width
    apart = ((widest - NOISE_GAP) / NOISE_GAP).clamp(0, 1)
    own = (character[lower, 1] - character[upper, 1]).clamp_min(0)
    wanted = wanted * apart * ratio * strength + own * apart * max(0.0, 1 - strength)
    eyes_apart = distance(resting, 33, 263)
    speech = ((WIDE_OPEN * eyes_apart - wanted) / ((WIDE_OPEN - SPEECH_OPEN) * eyes_apart)).clamp(0, 1)
    wanted = wanted * (1 + (gain - 1) * speech)
    present = character[lower, 1] + delta[:, lower, 1] - character[upper, 1] - delta[:, upper, 1]
    error = wanted - present
    share = torch.where(error < 0, 0.35, 0.1)  # of the upper lip: the jaw does the rest
    for rows, correction in (
        ((regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER), -share * error),
        ((regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER), (1 - share) * error),
    ):
        for row, fade in zip(rows, (1.0, 0.97, 0.92, 0.85), strict=True):
            delta[:, list(row[1:-1]), 1] += correction * fade
    keep_lips_full(delta, character, (wanted / (FULL_OPEN * distance(character, *regions.MOUTH_CORNERS))).clamp(0, 1))


def keep_lips_full(delta, character, opened) -> None:
    """Lips that open do not become lines: they keep LEAST_LIP of their height, in place. On a small mouth the gap of a
    large one asks more of the inner contour than the skin around it does. opened: float32 [T, 9], 0..1 across."""
    for inner, rows, side in (
        (regions.INNER_LIP_UPPER, (*regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER), -1.0),
        (regions.INNER_LIP_LOWER, (*regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER), 1.0),
    ):
        edge = list(inner[1:-1])
        for row in rows:
            points = list(row[1:-1])
            height = (character[points, 1] - character[edge, 1]) * side
            now = height + (delta[:, points, 1] - delta[:, edge, 1]) * side
            delta[:, points, 1] += side * opened * (LEAST_LIP * height - now).clamp_min(0)


def limit_upper_lip(delta, driver, character) -> None:
    """A raised upper lip uses the room under this nose, not under the driver's; in place."""
    room = (distance(character, 2, 0) / distance(driver, 2, 0)).clamp(0.35, 1.1)
    rows = (regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER)
    index = [point for row in rows for point in row[1:-1]]
    lift = delta[:, index, 1] - delta[:, [2], 1]
    delta[:, index, 1] += lift.clamp(max=0) * (room - 1)


def join_lips_to_skin(delta, character) -> None:
    """Lets the skin around the mouth follow the lips, in place.

    The lips come from a refined part of the landmark network and the skin from its base mesh, which lags behind at
    wide openings until lip and chin overlap. The jump at the outer lip contour is spread over 3 cm of skin.
    """
    contour = list(regions.OUTER_LIP_UPPER + regions.OUTER_LIP_LOWER[1:-1])
    lips = set(contour + list(regions.INNER_LIP_UPPER + regions.INNER_LIP_LOWER))
    lips |= {point for row in (*regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS) for point in row}
    skin = torch.tensor([point for point in range(468) if point not in lips])
    apart = torch.cdist(character[skin, :2], character[contour, :2])
    near = torch.exp(-(apart / 0.9).square())  # [S, K]
    around = (near / near.sum(0, keepdim=True).clamp_min(1e-6)).T @ delta[:, skin]
    jump = delta[:, contour] - around
    weight = (apart + 0.2).pow(-3)
    weight = weight / weight.sum(1, keepdim=True)
    nose = (character[skin, 1] > character[2, 1]).float()  # the nose does not follow the lip
    fade = ((1 - apart.amin(1) / 3.0).clamp_min(0) * nose)[:, None]
    delta[:, skin] += fade * (weight @ jump)


def close_lids(delta, unposed, driver, character, strength, gain=1.0) -> torch.Tensor:
    """Transfers eye openings as a ratio of the neutral opening, in place; a closed lid closes, at every strength above
    0. The upper lid does most of the way. Returns how far the right and the left eye are closed, 0..1: float32 [T, 2].
    """
    closed = []
    if strength == 0:
        return torch.zeros(len(delta), 2)
    for (upper, lower), (outer, inner), crease in zip(regions.EYES, regions.EYE_CORNERS, CREASE, strict=True):
        up, low = list(upper[1:-1]), list(lower[1:-1])
        opening = (unposed[:, low, 1] - unposed[:, up, 1]).mean(1)
        rest = (driver[low, 1] - driver[up, 1]).mean().clamp_min(0.1)
        shut = torch.quantile(sample_rows(opening[:, None]), 0.01).clamp(0, 0.4 * float(rest))
        ratio = ((opening - shut) / (rest - shut)).clamp(0, 1.6)
        # a weak strength narrows the eye less, but its last part, from half closed on, goes all the way
        shutting = (1 - 2 * ratio).clamp(0, 1)
        amount = strength * gain
        amount = amount + max(0.0, 1 - amount) * shutting * shutting * (3 - 2 * shutting)
        ratio = (1 + (ratio - 1) * amount).clamp(0, 1.8)
        own = (character[low, 1] - character[up, 1]).clamp_min(0)
        wanted = own * ratio[:, None]
        present = own + delta[:, low, 1] - delta[:, up, 1]
        error = wanted - present
        delta[:, up, 1] -= 0.85 * error
        delta[:, list(crease), 1] -= CREASE_SHARE * 0.85 * error  # a tall eye's lid takes its fold along
        delta[:, low, 1] += 0.15 * error
        delta[:, [outer, inner], 1] *= 0.5
        closed.append((1 - ratio).clamp(0, 1))
    return torch.stack(closed, 1)


def distance(points: torch.Tensor, a: int, b: int) -> torch.Tensor:
    """Distance between two points of a face [478, 3]."""
    return (points[a] - points[b]).norm()


def sample_rows(values: torch.Tensor, most: int = 4000) -> torch.Tensor:
    """Evenly spaced rows: a quantile needs no more, and torch.quantile takes 16 M values at most."""
    return values[:: max(1, len(values) // most)]
