"""A small expression rig over the 478 face points: named controls become motion of the face in head space.

Lips, lids, brows, jaw line and a few places on the cheeks are handles that the controls move; the skin between them
follows smoothly (a biharmonic surface over the face mesh). Contacts are set on the handles last, so lips that touch
and lids that close do so exactly, whatever else the face does.
"""

from __future__ import annotations

import torch

from . import face_regions as regions
from .ease import ease

CONTROLS = (
    "jawOpen",
    "mouthClose",
    "mouthPress",
    "mouthPucker",
    "mouthWide",
    "mouthSmileRight",
    "mouthSmileLeft",
    "browUp",
    "browDown",
    "eyeBlinkRight",
    "eyeBlinkLeft",
    "eyeWide",
    "gazeX",
    "gazeY",
)
"""0 = the neutral face, 1 = strong. Gaze is in eye widths, x to the right of the picture, y down. A negative smile
takes a smile out of a face that was photographed with one."""

JAW_DEGREES = 18.0
"""Opening of the jaw at jawOpen = 1; people reach about 25 degrees."""
_JAW_GLIDE = (0.5, -0.9)
"""cm down and away that the joint of the jaw glides over that opening."""
_MESH_POINTS = 468

_UPPER_ROWS = (regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER)
_LOWER_ROWS = (regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER)
_UPPER_SHARE = 0.38
"""Of the way between parted lips that the upper lip goes when they close; the lower lip goes the longer way."""
_ROW_FADE = (1.0, 0.9, 0.75, 0.55)
"""Share of the inner lip's closing that each row takes, from the inside out: a lip that closes becomes fuller."""
_ROLL = (0.5, 0.42, 0.32)
"""The same for the other three rows and the rolling in of pressed lips."""
# fmt: off
# Rows of the face mesh above each eye: the fold of the lid, then the skin under the brow; right eye, left eye.
CREASE = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
_UNDER_BROW = ((113, 225, 224, 223, 222, 221, 189), (342, 445, 444, 443, 442, 441, 413))
_CHIN = (152, 175, 199, 200)
_JAW_EDGE = (  # the row inside the lower half of the face's outline
    227, 137, 177, 215, 138, 135, 169, 170, 140, 171, 447, 366, 401, 435, 367, 364, 394, 395, 369, 396,
)
_STILL = (  # nose, its wings, the sides of the eyes
    1, 2, 4, 5, 6, 168, 195, 197, 98, 327, 48, 278, 64, 294, 129, 358, 122, 351, 193, 417, 127, 356, 162, 389,
    21, 251, 54, 284, 103, 332, 67, 297, 109, 338, 10, 234, 454,
)
# (point, its twin on the other side, cm to the side, down and away at a full smile)
_CHEEKS = (
    (205, 425, 0.22, -0.30, -0.10),
    (50, 280, 0.08, -0.26, -0.16),
    (117, 346, 0.02, -0.14, -0.08),
    (187, 411, 0.30, -0.18, 0.06),
    (216, 436, 0.45, -0.28, 0.04),
    (212, 432, 0.34, -0.16, 0.08),
)
# fmt: on


def rig_delta(neutral: torch.Tensor, controls: dict[str, torch.Tensor]) -> torch.Tensor:
    """Motion of the face points: float32 [T, 478, 3], cm in head space (see geometry.pose: x to the subject's left,
    y down, z away).

    neutral: float32 [478, 3], the face at rest. controls: name -> [T], names of CONTROLS; missing ones are 0.
    Raises ValueError for an unknown name.
    """
    unknown = set(controls) - set(CONTROLS)
    if unknown or not controls:
        raise ValueError(f"controls are {sorted(controls)}; choose from {', '.join(CONTROLS)}.")
    count = len(next(iter(controls.values())))
    value = {name: controls[name].double() if name in controls else torch.zeros(count).double() for name in CONTROLS}
    neutral = neutral.double()
    delta = torch.zeros(count, len(neutral), 3, dtype=torch.float64)
    handles = set(_STILL)
    handles |= _move_jaw(delta, neutral, value)
    handles |= _shape_mouth(delta, neutral, value)
    handles |= _raise_cheeks(delta, neutral, value)
    _close_mouth(delta, neutral, value)
    handles |= _move_eyes(delta, neutral, value)
    handles |= _move_brows(delta, neutral, value)
    _spread(delta, neutral, sorted(handles))
    return delta.float()


def lip_gap(shapes: torch.Tensor) -> torch.Tensor:
    """Distance between the inner lips at the middle of the mouth, cm: [...] of shapes [..., 478, 3]."""
    upper, lower = list(regions.INNER_LIP_UPPER[3:8]), list(regions.INNER_LIP_LOWER[3:8])
    return (shapes[..., lower, :] - shapes[..., upper, :]).norm(dim=-1).mean(-1)


def _move_jaw(delta, neutral, value) -> set[int]:
    """Turns lower lip, chin and jaw line about the hinge before the ears; the corners of the mouth go half way."""
    hinge = neutral[[234, 454]].mean(0) + torch.tensor([0.0, 0.6, -1.0])
    weight = torch.zeros(len(neutral), dtype=torch.float64)
    for rows, middle in ((_UPPER_ROWS, 0.0), (_LOWER_ROWS, 1.0)):
        for row in rows:
            side = _across(neutral, row).abs() ** 2.2
            weight[list(row)] = middle + (0.5 - middle) * side
    oval = [point for point in regions.FACE_OVAL if neutral[point, 1] > neutral[[93, 323], 1].mean()]
    top, full = neutral[[93, 323], 1].mean(), neutral[[172, 397], 1].mean()
    oval += _JAW_EDGE
    weight[oval] = ease((neutral[oval, 1] - top) / (full - top))
    weight[list(_CHIN)] = 1
    moved = weight.nonzero()[:, 0]
    opening = value["jawOpen"][:, None] * weight[moved]
    angle = opening * JAW_DEGREES * torch.pi / 180
    offset = neutral[moved] - hinge
    sine, cosine = angle.sin(), angle.cos() - 1
    # the turn takes the chin down and back; meanwhile the joint glides down and forward
    delta[:, moved, 1] += offset[:, 1] * cosine - offset[:, 2] * sine + _JAW_GLIDE[0] * opening
    delta[:, moved, 2] += offset[:, 1] * sine + offset[:, 2] * cosine + _JAW_GLIDE[1] * opening
    return set(oval) | set(_CHIN)


def _shape_mouth(delta, neutral, value) -> set[int]:
    """Smile, pucker and width of the lips."""
    half = (neutral[291, 0] - neutral[61, 0]) / 2
    for rows, upper in ((_UPPER_ROWS, True), (_LOWER_ROWS, False)):
        for number, row in enumerate(rows):
            # upper and lower rows share their ends, which move once
            inside = slice(None) if upper else slice(1, -1)
            points = list(row)[inside]
            across = _across(neutral, row)[inside]
            outward = number / 3
            for name, sign in (("mouthSmileRight", -1), ("mouthSmileLeft", 1)):
                pull = (across * sign).clamp_min(0) ** 1.6
                smile = value[name][:, None]
                delta[:, points, 0] += smile * 0.55 * sign * pull
                delta[:, points, 1] += smile * (-0.50 * pull - (0.05 if upper else 0.0) * (1 - across.abs()))
                delta[:, points, 2] += smile * 0.30 * pull
            wide = value["mouthWide"][:, None]
            delta[:, points, 0] += wide * 0.42 * across
            delta[:, points, 2] += wide * 0.20 * across.abs() ** 2
            # a wide open mouth is narrower than a closed one
            delta[:, points, 0] -= value["jawOpen"][:, None] * 0.55 * across
            pucker = value["mouthPucker"][:, None]
            delta[:, points, 0] -= pucker * 0.38 * half * across
            forward = (1 - 0.45 * across.abs() ** 2) * (0.75 + 0.25 * (1 - outward))
            delta[:, points, 2] -= pucker * 0.65 * forward
            # the lips become fuller
            delta[:, points, 1] += pucker * (-0.16 if upper else 0.18) * outward * (1 - 0.6 * across.abs())
    # puckered lips lie on a level line: their corners gather at the height of their middle
    now = neutral + delta
    middle = now[:, 13, 1] + _UPPER_SHARE * (now[:, 14, 1] - now[:, 13, 1])
    level = value["mouthPucker"] * (middle - now[:, list(regions.MOUTH_CORNERS), 1].mean(1))
    for rows, inside in ((_UPPER_ROWS, slice(None)), (_LOWER_ROWS, slice(1, -1))):
        for row in rows:
            delta[:, list(row)[inside], 1] += level[:, None] * _across(neutral, row)[inside] ** 2
    return {point for row in (*_UPPER_ROWS, *_LOWER_ROWS) for point in row}


def _raise_cheeks(delta, neutral, value) -> set[int]:
    handles = set()
    pucker, jaw = value["mouthPucker"], value["jawOpen"]
    for right, left, side, down, away in _CHEEKS:
        low = float(right in (187, 216, 212))  # beside the mouth: follows lips and jaw too
        for point, sign, name in ((right, -1, "mouthSmileRight"), (left, 1, "mouthSmileLeft")):
            smile = value[name]
            motion = torch.stack([sign * (smile * side - 0.25 * low * pucker), smile * down, smile * away], 1)
            motion[:, 1] += 0.7 * low * jaw
            delta[:, point] += motion
            handles.add(point)
    return handles


def _close_mouth(delta, neutral, value) -> None:
    """Brings the lips together, exactly at mouthClose = 1, and rolls them in for mouthPress."""
    press = value["mouthPress"].clamp(0, 1)[:, None, None]
    close = torch.maximum(value["mouthClose"].clamp(0, 1)[:, None, None], press)
    now = neutral + delta
    gap = now[:, list(regions.INNER_LIP_LOWER)] - now[:, list(regions.INNER_LIP_UPPER)]
    seam = now[:, list(regions.INNER_LIP_UPPER)] + _UPPER_SHARE * gap
    for rows, way in ((_UPPER_ROWS, _UPPER_SHARE * gap), (_LOWER_ROWS, (_UPPER_SHARE - 1) * gap)):
        for row, fade in zip(rows, _ROW_FADE, strict=True):
            delta[:, list(row)] += close * fade * way
    now = neutral + delta
    for rows in (_UPPER_ROWS, _LOWER_ROWS):
        for row, share in zip(rows[1:], _ROLL, strict=True):
            inside = list(row[1:-1])
            delta[:, inside] += press * share * (seam[:, 1:-1] - now[:, inside])


def _move_eyes(delta, neutral, value) -> set[int]:
    handles = set()
    parts = zip(regions.EYES, regions.EYE_CORNERS, regions.IRISES, CREASE, _UNDER_BROW, ("Right", "Left"), strict=True)
    for (upper, lower), corners, iris, crease, under_brow, side in parts:
        width = (neutral[corners[0]] - neutral[corners[1]]).norm()
        gaze = torch.stack([value["gazeX"], value["gazeY"]], 1) * width
        delta[:, list(iris), :2] += gaze[:, None]
        smile, blink = value[f"mouthSmile{side}"], value[f"eyeBlink{side}"].clamp(0, 1)
        bow = (1 - _across(neutral, upper).abs() ** 2)[1:-1]
        up, low = list(upper[1:-1]), list(lower[1:-1])
        delta[:, low, 1] += (-0.07 * smile + 0.12 * gaze[:, 1].clamp_min(0))[:, None] * bow
        delta[:, up, 1] += (0.03 * smile - 0.20 * value["eyeWide"] + 0.30 * gaze[:, 1])[:, None] * bow
        travel = (neutral + delta)[:, low] - (neutral + delta)[:, up]
        delta[:, up] += blink[:, None, None] * travel
        travel = blink * travel[..., 1].mean(1) + delta[:, up, 1].mean(1) * (1 - blink)
        for row, share in ((crease, 0.30), (under_brow, 0.08)):
            delta[:, list(row), 1] += share * travel[:, None]
            handles |= set(row)
        handles |= {*upper, *lower}
    return handles


def _move_brows(delta, neutral, value) -> set[int]:
    up, down = value["browUp"][:, None], value["browDown"][:, None]
    handles = set()
    for rows, sign in (
        ((regions.RIGHT_BROW_UPPER, regions.RIGHT_BROW_LOWER), -1),
        ((regions.LEFT_BROW_UPPER, regions.LEFT_BROW_LOWER), 1),
    ):
        for row in rows:
            points = list(row)
            x = neutral[points, 0].abs()
            inner = 1 - (x - x.min()) / (x.max() - x.min())
            delta[:, points, 1] += -up * 0.75 * (0.7 + 0.3 * (1 - (2 * inner - 1) ** 2))
            delta[:, points, 1] += down * (0.18 + 0.37 * inner)
            delta[:, points, 0] -= down * 0.22 * sign * inner
            handles |= set(points)
    for point, share in ((9, 0.45), (8, 0.25), (151, 0.35)):  # between the brows, and the forehead over it
        delta[:, point, 1] += (share * (-0.7 * up + 0.4 * down))[:, 0]
        handles.add(point)
    for row in _UNDER_BROW:
        delta[:, list(row), 1] += -0.25 * up + 0.20 * down
    for row in CREASE:
        delta[:, list(row), 1] += -0.12 * up + 0.10 * down
    return handles


def _spread(delta, neutral, handles) -> None:
    """Lets the skin between the handles follow them, in place: the smoothest surface over the mesh."""
    triangles = regions.open_skin()
    count = _MESH_POINTS
    stiffness = torch.zeros(count, count, dtype=torch.float64)
    for a, b in ((0, 1), (1, 2), (2, 0)):
        first, second = triangles[:, a], triangles[:, b]
        length = (neutral[first] - neutral[second]).norm(dim=1).clamp_min(0.05)
        stiffness[first, second] = stiffness[second, first] = 1 / length
    stiffness = torch.diag(stiffness.sum(1)) - stiffness
    bending = stiffness @ stiffness
    held = torch.zeros(count, dtype=torch.bool)
    held[handles] = True
    free = (~held).nonzero()[:, 0]
    held = held.nonzero()[:, 0]
    share = torch.linalg.solve(bending[free][:, free], -bending[free][:, held])
    delta[:, free] = share @ delta[:, held]


def _across(neutral: torch.Tensor, row) -> torch.Tensor:
    """Place of each point of a row between its two ends, -1 (right of the subject) .. 1."""
    x = neutral[list(row), 0]
    return ((x - (x[0] + x[-1]) / 2) / ((x[-1] - x[0]) / 2)).clamp(-1, 1)
