"""A face from a few points that a user gave: the canonical face laid over them, or the landmark network's reading
where it agrees with them. What was given holds in both cases.

Works in the face's own frame: origin between the eyes, x towards the subject's left eye, y to the chin, px.

    given heights (eyes, nose, mouth, chin) and widths (eyes, sides)  -> a coarse face without folds
    given eyes, lips, brows                                          -> openings and contours, exactly
    everything between them                                          -> a smooth surface (radial basis functions)
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from ...models import faces
from ..geometry import face_regions as regions
from ..geometry.face_regions import open_skin
from ..geometry.pose import canonical_face
from ..geometry.unfold import unfold
from .drawn_eye import measure_eye, measure_iris
from .face_points import NAMES

LEAST_PRESENCE = 0.5
MOST_APART = 0.2
"""Distance of a given point from the network's, in distances of the eyes, up to which they agree."""
EYE_SIZES = (0.6, 1.6)
"""The network's eyes over the measured ones, in width, between which they agree."""
ALIKE, NEAR_MIDDLE = 1.3, 0.12
"""Ratio of the sizes of two measured eyes, and distance of their middles from the given ones in distances of the eyes,
up to which they are believed."""
FOREHEAD = 0.35
"""Least height of the forehead over the eyes' openings, in distances of the eyes."""
BROW_CLEARANCE = 0.12
"""Least distance of a brow from the top of the eye, in distances of the eyes."""

_EYES = (("right_eye", *regions.EYES[0], regions.IRISES[0]), ("left_eye", *regions.EYES[1], regions.IRISES[1]))
_BROWS = {"right_brow": regions.RIGHT_BROW, "left_brow": regions.LEFT_BROW}
_UPPER_LIP = (regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER)
_LOWER_LIP = (regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER)
_LIPS = sorted({point for row in (*_UPPER_LIP, *_LOWER_LIP) for point in row})


class _Frame(NamedTuple):
    """origin: float32 [2] px, across: unit vector. apart: px between the eyes."""

    origin: torch.Tensor
    across: torch.Tensor
    apart: float

    def enter(self, places: torch.Tensor) -> torch.Tensor:
        """Pictures' px [..., 2] to the frame's."""
        down = torch.stack([-self.across[1], self.across[0]])
        return torch.stack([(places - self.origin) @ self.across, (places - self.origin) @ down], -1)

    def leave(self, places: torch.Tensor) -> torch.Tensor:
        down = torch.stack([-self.across[1], self.across[0]])
        return self.origin + places[..., :1] * self.across + places[..., 1:] * down


class _Eye(NamedTuple):
    """An opening in the frame: middle float32 [2], half width, half height, slope of its corners' line; the iris'
    centre float32 [2] and radius."""

    middle: torch.Tensor
    width: float
    height: float
    slope: float
    iris: torch.Tensor
    radius: float


def place_face(image: torch.Tensor, given: dict[str, torch.Tensor]) -> tuple[torch.Tensor, bool]:
    """Landmarks float32 [478, 3] px of the face at the given points, and whether the network read them.

    image: uint8 [H, W, 3]; given: see `face_points.parse_face_points`, float32 [2] px each.
    """
    picture = image.permute(2, 0, 1).float() / 255
    span = given["left_eye"] - given["right_eye"]
    frame = _Frame((given["left_eye"] + given["right_eye"]) / 2, span / span.norm(), float(span.norm()))
    places = {name: frame.enter(place) for name, place in given.items()}
    rough, depth = _coarse(places, frame)
    measured = _measured(places, picture, frame)
    eyes = [
        _eye(name, places, picture, frame, rough, upper, found)
        for (name, upper, _, _), found in zip(_EYES, measured, strict=True)
    ]
    top = min(float(eye.middle[1]) - eye.height for eye in eyes) - FOREHEAD * frame.apart
    if "forehead" not in places and top < float(rough[regions.FOREHEAD_TOP, 1]):
        rough, _ = _coarse(places | {"forehead": torch.tensor([0.0, top])}, frame)
    placed = _fitted(rough, places, eyes)
    points = torch.cat([frame.leave(placed), depth], 1)
    read = _read(image, points)
    if read is not None and _agrees(frame.enter(read[:, :2]), places, eyes, frame):
        placed = _fitted(frame.enter(read[:, :2]), places, eyes)
        return torch.cat([frame.leave(placed), read[:, 2:]], 1), True
    return points, False


def _coarse(places: dict, frame: _Frame) -> tuple[torch.Tensor, torch.Tensor]:
    """The canonical face stretched along both axes to the given places [478, 2], and its depth [478, 1] px."""
    face = canonical_face()
    eyes = [face[[upper[0], upper[-1]], :2].mean(0) for upper, _ in regions.EYES]
    face[:, :2] -= (eyes[0] + eyes[1]) / 2
    half = float((eyes[1] - eyes[0])[0]) / 2
    scale = frame.apart / (2 * half)
    heights = {0.0: 0.0, float(face[_middle_of("mouth"), 1].mean()): float(places["mouth"][1])}
    aside = {0.0: 0.0, float(face[_middle_of("mouth"), 1].mean()): float(places["mouth"][0])}
    for name in ("nose", "chin", "forehead"):
        if name in places:
            heights[float(face[NAMES[name], 1])] = float(places[name][1])
            aside[float(face[NAMES[name], 1])] = float(places[name][0])
    x, y = face[:, 0].numpy(), face[:, 1].numpy()
    if "forehead" not in places:  # over the eyes as much as the lower face is taller or flatter than usual
        taller = float(places["chin"][1]) / float(face[regions.CHIN, 1])
        top = float(face[regions.FOREHEAD_TOP, 1])
        heights[top], aside[top] = top * taller, 0.0
    known = sorted(heights)
    rows = np.interp(y, known, [heights[v] for v in known])
    shift = np.interp(y, known, [aside[v] for v in known])
    columns = scale * x
    for name, sign in (("right_side", -1), ("left_side", 1)):
        if name in places:
            edge = abs(float(face[NAMES[name], 0]))
            side = max(sign * float(places[name][0]), 0.55 * frame.apart)
            wide = sign * np.interp(np.abs(x), [0, half, edge, 2 * edge], [0, frame.apart / 2, side, 2 * side])
            columns = np.where(sign * x > 0, wide, columns)
    flat = torch.from_numpy(np.stack([columns + shift, rows], 1)).float()
    # lips of a drawing are closed unless somebody says otherwise
    upper, lower = list(regions.INNER_LIP_UPPER), list(regions.INNER_LIP_LOWER)
    flat[upper] = flat[lower] = (flat[upper] + flat[lower]) / 2
    return flat, scale * face[:, 2:]


def _middle_of(name: str) -> list[int]:
    return list(regions.MOUTH_CORNERS) if name == "mouth" else [NAMES[name]]


def _measured(places: dict, picture, frame: _Frame) -> list:
    """What `measure_eye` finds at both eyes, in the frame; twice None unless the two resemble each other: eyes are
    pairs, shadows and strands of hair are not."""
    across = frame.across * frame.apart
    found = [measure_eye(picture, frame.leave(places[name]), across) for name in ("right_eye", "left_eye")]
    if None in found:
        return [None, None]
    found = [(frame.enter(middle), width, height) for middle, width, height in found]
    (first, *sizes), (second, *others) = found
    alike = all(1 / ALIKE < a / b < ALIKE for a, b in zip(sizes, others, strict=True))
    near = all(
        float((middle - places[name]).norm()) < NEAR_MIDDLE * frame.apart
        for middle, name in ((first, "right_eye"), (second, "left_eye"))
    )
    return found if alike and near else [None, None]


def _eye(name: str, places: dict, picture, frame: _Frame, rough: torch.Tensor, upper, measured) -> _Eye:
    """The opening: from its given corners, top and bottom; else measured in the picture; else of a usual size."""
    usual = (rough[upper[0]] - rough[upper[-1]]).norm() / 2
    ends = [places.get(f"{name}_{end}") for end in ("outer", "inner", "top", "bottom")]
    middle, width, slope = places[name], float(usual), 0.0
    height = 0.28 * width  # half of it, of the canonical face's opening
    if measured is not None:
        middle, width, height = measured
    outer, inner, top, bottom = ends
    if outer is not None and inner is not None:
        right, left = (outer, inner) if name == "right_eye" else (inner, outer)
        span = left - right
        middle, slope = (right + left) / 2, float(span[1] / span[0].clamp_min(1.0))
        height *= 1.0 if measured is not None else float(span.norm()) / 2 / width
        width = float(span.norm()) / 2
    if top is not None and bottom is not None:
        height = max(float(bottom[1] - top[1]) / 2, 0.5)
        middle = torch.stack([middle[0], (top[1] + bottom[1]) / 2])
    elif top is not None or bottom is not None:
        height = max(float((middle[1] - top[1]) if bottom is None else (bottom[1] - middle[1])), 0.5)
    place, radius = measure_iris(picture, frame.leave(middle), frame.across, (width, height))
    return _Eye(middle, width, height, slope, frame.enter(place), radius)


def _fitted(base: torch.Tensor, places: dict, eyes: list[_Eye]) -> torch.Tensor:
    """A face [478, 2] in the frame, warped so that eyes, lips and single points lie where they were given."""
    goal: dict[int, torch.Tensor] = {}
    for eye, (name, upper, lower, iris) in zip(eyes, _EYES, strict=True):
        _place_eye(goal, base, eye, upper, lower, iris)
        _place_brow(goal, base, eye, f"{name.split('_')[0]}_brow", places)
    _place_lips(goal, base, places)
    if "nose" in places:
        goal[NAMES["nose"]] = places["nose"]
    _place_contour(goal, base, places)
    held = torch.tensor(sorted(goal))
    motion = torch.stack([goal[point] for point in held.tolist()]) - base[held]
    free = torch.tensor(sorted(set(range(len(base))) - set(goal)))
    moved = torch.zeros(len(base), 3)
    moved[held, :2] = motion
    moved[free, :2] = _smoothest(base[held], motion, base[free])
    fixed = torch.zeros(len(base), dtype=torch.bool)
    fixed[held] = True
    for name, brow in _BROWS.items():
        fixed[list(brow)] = name in places  # a brow that only made room gives way again
    flat = torch.cat([base, torch.zeros(len(base), 1)], 1)
    unfold(moved[None], flat, open_skin(), fixed)
    return base + moved[:, :2]


def _place_contour(goal, base, places: dict) -> None:
    """The contour goes through the chin and what else of it was given; in between it moves evenly along."""
    oval = list(regions.FACE_OVAL)
    at, moved = [], []
    for name in ("forehead", "left_side", "chin", "right_side"):  # the order along the contour
        at.append(oval.index(NAMES[name]))
        moved.append(places[name] - base[NAMES[name]] if name in places else torch.zeros(2))
    at, moved = [*at, len(oval)], torch.stack([*moved, moved[0]]).numpy()
    steps = range(len(oval))
    along = np.stack([np.interp(steps, at, moved[:, axis]) for axis in (0, 1)], 1)
    for point, offset in zip(oval, torch.from_numpy(along).float(), strict=True):
        goal[point] = base[point] + offset


def _smoothest(places: torch.Tensor, values: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    from scipy.interpolate import RBFInterpolator

    unit = float(places.std())
    # the thin plate bends on beyond small lips and folds the skin around them; a linear kernel does not. A little
    # smoothing, because points of closed lips share one place.
    surface = RBFInterpolator(places.numpy() / unit, values.numpy(), kernel="linear", smoothing=1e-4)
    return torch.from_numpy(surface(wanted.numpy() / unit)).float()


def _place_eye(goal, base, eye: _Eye, upper, lower, iris) -> None:
    ring = sorted({*upper, *lower})
    here = base[ring]
    corners = (base[upper[0]], base[upper[-1]])
    middle, half = (corners[0] + corners[1]) / 2, float((corners[1] - corners[0]).norm()) / 2
    tall = float(here[:, 1].max() - here[:, 1].min()) / 2
    across = (here[:, 0] - middle[0]) / half
    for number, point in enumerate(ring):
        x = eye.width * across[number]
        if eye.height > 0.6 * eye.width:  # a round eye is an ellipse; corners lie at its sides
            up = -1.0 if point in upper[1:-1] else 1.0 if point in lower[1:-1] else 0.0
            y = up * eye.height * (1 - across[number].clamp(-1, 1).square()).clamp_min(0).sqrt()
        else:
            y = (here[number, 1] - middle[1]) * eye.height / max(tall, 1e-3)
        goal[point] = eye.middle + torch.stack([x, y + eye.slope * x])
    if eye.height <= 0.6 * eye.width:  # lids need not lie evenly about the corners
        lids = torch.stack([goal[point] for point in ring])
        off = eye.middle[1] - (lids[:, 1].max() + lids[:, 1].min()) / 2
        for point in ring:
            goal[point] = goal[point] + torch.stack([torch.zeros(()), off])
    goal[iris[0]] = eye.iris
    for point, offset in zip(iris[1:], ((1, 0), (0, -1), (-1, 0), (0, 1)), strict=True):
        goal[point] = eye.iris + eye.radius * torch.tensor(offset)


def _place_brow(goal, base, eye: _Eye, name: str, places: dict) -> None:
    brow = sorted(set(_BROWS[name]))
    here = base[brow]
    if name in places:
        offset = places[name] - here.mean(0)
    else:
        top, forehead = float(eye.middle[1]) - eye.height, float(base[regions.FOREHEAD_TOP, 1])
        clear = min(BROW_CLEARANCE * float(places["left_eye"][0] - places["right_eye"][0]), 0.4 * (top - forehead))
        offset = torch.tensor([0.0, min(0.0, top - clear - float(here[:, 1].max()))])
    for point, place in zip(brow, here, strict=True):
        goal[point] = place + offset


def _place_lips(goal, base, places: dict) -> None:
    right, left = (base[corner] for corner in regions.MOUTH_CORNERS)
    middle, span = (right + left) / 2, left - right
    grow, turn = 1.0, torch.eye(2)
    if "mouth_right" in places and "mouth_left" in places:
        wanted = places["mouth_left"] - places["mouth_right"]
        grow = float(wanted.norm() / span.norm())
        angle = torch.atan2(wanted[1], wanted[0]) - torch.atan2(span[1], span[0])
        turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    heights = {}
    for rows, name in ((_UPPER_LIP, "mouth_top"), (_LOWER_LIP, "mouth_bottom")):
        heights[rows] = grow
        if name in places:
            now = base[NAMES[name]] - middle
            heights[rows] = float(places[name][1] - places["mouth"][1]) / float(now[1]) if now[1].abs() > 1e-3 else grow
    for rows, height in heights.items():
        for point in sorted({point for row in rows for point in row}):
            offset = (base[point] - middle) * torch.tensor([grow, max(height, 0.05)])
            goal[point] = places["mouth"] + turn @ offset


def _read(image: torch.Tensor, points: torch.Tensor) -> torch.Tensor | None:
    """What the landmark network finds there [478, 3] px, None where it sees no face."""
    region = faces.roi_from_landmarks(points[None])
    kept = []
    for _ in range(5):
        found, presence = faces.face_landmarks(image[None], region)
        region = faces.roi_from_landmarks(found)
        kept.append(found[0])
    return torch.stack(kept[2:]).mean(0) if float(presence[0]) > LEAST_PRESENCE else None


def _agrees(read: torch.Tensor, places: dict, eyes: list[_Eye], frame: _Frame) -> bool:
    there = {name: read[point] for name, point in NAMES.items() if point is not None}
    there |= {name: read[sorted({*upper, *lower})].mean(0) for name, upper, lower, _ in _EYES}
    there |= {name: read[list(brow)].mean(0) for name, brow in _BROWS.items()}
    there["mouth"] = read[list(regions.MOUTH_CORNERS)].mean(0)
    far = max(float((there[name] - place).norm()) for name, place in places.items())
    sizes = [
        float((read[upper[0]] - read[upper[-1]]).norm()) / 2 / eye.width
        for eye, (_, upper, _, _) in zip(eyes, _EYES, strict=True)
    ]
    return far <= MOST_APART * frame.apart and all(EYE_SIZES[0] <= size <= EYE_SIZES[1] for size in sizes)
