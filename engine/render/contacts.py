"""Contacts and folds of the expression: lips that touch, lids that close, skin that follows the lips, no fold-over.

All functions change `delta`, float32 [T, 478, 3] in head space (cm), in place. `driver` and `character` are the two
resting faces [478, 3]; `unposed` is the performer's face of every frame [T, 478, 3].
"""

from __future__ import annotations

import torch

from ..geometry import face_regions as regions

NOISE_GAP = 0.02
"""Gap between the lips, in mouth widths, up to which a mouth counts as closed."""
SPEECH_OPEN, WIDE_OPEN = 0.15, 0.35
"""Gaps, in outer eye distances: up to the first a gain is applied fully, from the second not at all."""


def close_lips(delta, unposed, driver, character, strength, gain=1.0) -> None:
    """Makes the gap between the lips the driver's gap times the size ratio, in place; lips that touch, touch.

    The gap is absolute: a character photographed with an open mouth closes it when the driver does. gain: how much
    wider openings of speech and smiles are drawn; a mouth that is wide open already gets none of it.
    """
    upper, lower = list(regions.INNER_LIP_UPPER[1:-1]), list(regions.INNER_LIP_LOWER[1:-1])
    gap = unposed[:, lower, 1] - unposed[:, upper, 1]
    width = distance(driver, *regions.MOUTH_CORNERS)
    touching = (torch.quantile(sample_rows(gap), 0.08, dim=0) + 0.008 * width).clamp(max=0.06 * float(width))
    ratio = distance(character, 33, 263) / distance(driver, 33, 263)
    ratio = (ratio * (distance(character, *regions.MOUTH_CORNERS) / width)).sqrt().clamp(0.5, 1.8)
    wanted = (gap - touching).clamp_min(0)
    # lips that are apart by less than the landmarks' noise everywhere are closed lips, not a dashed line
    widest = wanted.amax(1, keepdim=True) / width
    wanted = wanted * ((widest - NOISE_GAP) / NOISE_GAP).clamp(0, 1) * ratio * strength
    eyes_apart = distance(character, 33, 263)
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


def unfold(delta, character, triangles, steps: int = 6) -> None:
    """Relaxes points whose triangles turned over, in place: they take the mean motion of their neighbours."""
    corner = character[triangles][:, :, :2]
    sign = _area(corner).sign()
    neighbours = torch.zeros(len(character), len(character))
    for a, b in ((0, 1), (1, 2), (2, 0)):
        neighbours[triangles[:, a], triangles[:, b]] = 1
        neighbours[triangles[:, b], triangles[:, a]] = 1
    neighbours = neighbours / neighbours.sum(1, keepdim=True).clamp_min(1)
    fixed = torch.zeros(len(character), dtype=torch.bool)
    fixed[list(regions.INNER_LIP_UPPER + regions.INNER_LIP_LOWER)] = True
    fixed[list(regions.MOUTH_CORNERS)] = True
    for row in (*regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS):
        fixed[[row[0], row[-1]]] = True
    for upper, lower in regions.EYES:
        fixed[list(upper + lower)] = True
    for _ in range(steps):
        folded = _area((character + delta)[:, triangles][..., :2]) * sign < 0.05 * _area(corner).abs()
        frames = folded.any(1).nonzero()[:, 0]
        if not len(frames):
            return
        hit = torch.zeros(len(frames), len(character), dtype=torch.bool)
        hit.scatter_(1, triangles.reshape(1, -1).expand(len(frames), -1), False)
        rows, which = folded[frames].nonzero(as_tuple=True)
        hit[rows[:, None], triangles[which]] = True
        hit &= ~fixed
        delta[frames] = torch.where(hit[..., None], neighbours @ delta[frames], delta[frames])


def _area(corner: torch.Tensor) -> torch.Tensor:
    e1, e2 = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    return e1[..., 0] * e2[..., 1] - e1[..., 1] * e2[..., 0]


def close_lids(delta, unposed, driver, character, strength) -> torch.Tensor:
    """Transfers eye openings as a ratio of the neutral opening, in place; a closed lid closes. The upper lid
    does most of the way. Returns how far the right and the left eye are closed, 0..1: float32 [T, 2]."""
    closed = []
    for (upper, lower), (outer, inner) in zip(regions.EYES, regions.EYE_CORNERS, strict=True):
        up, low = list(upper[1:-1]), list(lower[1:-1])
        opening = (unposed[:, low, 1] - unposed[:, up, 1]).mean(1)
        rest = (driver[low, 1] - driver[up, 1]).mean().clamp_min(0.1)
        shut = torch.quantile(sample_rows(opening[:, None]), 0.01).clamp(0, 0.4 * float(rest))
        ratio = ((opening - shut) / (rest - shut)).clamp(0, 1.6)
        ratio = (1 + (ratio - 1) * strength).clamp(0, 1.8)
        own = (character[low, 1] - character[up, 1]).clamp_min(0)
        wanted = own * ratio[:, None]
        present = own + delta[:, low, 1] - delta[:, up, 1]
        error = wanted - present
        delta[:, up, 1] -= 0.85 * error
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
