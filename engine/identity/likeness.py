"""Do the images of a character show one person? By a recognition network when the user has one, else by proportions.

Proportions are ratios of the un-posed face. Measured on 316 faces of 26 people and characters (13 clips, four
photographs of one person): of two pictures of one person 0.6 % lie beyond APART and 5 % beyond UNLIKE, of two people
17 % and 57 % (area under the curve 0.93). That is a weak sign: it finds a cartoon among photographs and a child among
adults, not two people who resemble each other. A recognition network told the same pairs apart with an area of 0.998.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ...models.recognition import Recogniser, RecognitionError
from ...models.recognition import load_recogniser as _load
from .. import runtime
from ..errors import IdentityError
from ..geometry.pose import canonical_face, head_pose, unpose
from ..types import View

SAME, DIFFERENT = 0.28, 0.20
"""Cosine similarity: from SAME on one person, below DIFFERENT two (InsightFace's published example for its ArcFace
networks). With a MobileFaceNet 99 % of pairs of two people were below 0.28, 99 % of one person above 0.20."""
UNLIKE, APART = 2.6, 4.0
"""Distance of proportions, see `proportions`."""

LEFT_OUT, DOUBT = "left out", "may not be"
"""Words of the report that the card colours."""

_RATIOS: tuple[tuple[tuple[int, ...], tuple[int, ...], str, float], ...] = (
    ((33,), (263,), "xyz", 0.008),  # outer corners of the eyes
    ((133,), (362,), "xyz", 0.021),  # inner corners
    ((48,), (278,), "xyz", 0.040),  # wings of the nose
    ((2,), (33, 133, 362, 263), "y", 0.034),  # length of the nose, from the line of the eyes
    ((1,), (33, 133, 362, 263), "y", 0.038),  # its tip
    ((234,), (454,), "xyz", 0.017),  # cheek bones
    ((127,), (356,), "xyz", 0.017),  # temples
    ((172,), (397,), "xyz", 0.024),  # jaw
    ((136,), (365,), "xyz", 0.025),  # jaw, further down
    ((54,), (284,), "xyz", 0.016),  # forehead
    ((10,), (33, 133, 362, 263), "y", 0.029),  # height of the forehead
    ((152,), (10,), "y", 0.030),  # height of the face
    ((105, 334), (33, 133, 362, 263), "y", 0.055),  # brows
    ((1,), (234, 454), "z", 0.025),  # how far the nose stands out
)
"""(points, points, axes, spread): the distance between the means of two groups of points along axes, over the distance
of the eyes; spread is the standard deviation of its logarithm within one person, in the measurement above."""

_cached: tuple[tuple, Recogniser] | None = None


@dataclass(frozen=True)
class Likeness:
    """keep: numbers of the images that belong together. lines: for the report."""

    keep: tuple[int, ...]
    lines: tuple[str, ...]


def load_recogniser(path: str | Path) -> Recogniser:
    """The recognition network in a file; the last one is kept. Raises IdentityError."""
    global _cached
    runtime.place_networks()
    path = Path(path)
    try:
        status = path.stat()
        key = (path, status.st_mtime_ns, status.st_size, runtime.comfy_model_management() is not None)
        if _cached is None or _cached[0] != key:
            _cached = (key, _load(path))
    except (OSError, RecognitionError) as problem:
        reason = str(problem).rstrip(".") if isinstance(problem, RecognitionError) else f"{path} cannot be read"
        raise IdentityError(f"{reason}; choose an ArcFace network, such as w600k_r50.onnx, or none.") from problem
    return _cached[1]


def compare(views: list[View], fitness: list[float], recogniser: Recogniser | None = None) -> Likeness:
    """Which of the views show the same person as most of them do; between equal groups the fitter one counts.

    By proportions alone somebody is left out only where more than half of the images agree against him, and never one
    of two. With a network everybody else is left out; what lies between DIFFERENT and SAME only where more than half
    of the images agree.
    """
    count = len(views)
    if count < 2:
        return Likeness(tuple(range(count)), ())
    if recogniser is None:
        far = shape_distances(views)
        doubtful = far >= UNLIKE
        groups = _groups(far < APART)
    else:
        vectors = torch.stack([recogniser.embed(view.image, view.points) for view in views])
        near = vectors @ vectors.T
        doubtful = near < SAME
        groups = _groups(near >= SAME)
        if count == 2 or 2 * max(map(len, groups)) <= count:
            groups = _groups(near >= DIFFERENT)
    best = max(groups, key=lambda group: (len(group), max(fitness[i] for i in group)))
    sure = recogniser is not None or (count > 2 and 2 * len(best) > count)
    keep = best if sure else list(range(count))
    first = max(keep, key=lambda i: fitness[i])
    lines = []
    for number, view in enumerate(views):
        others = [i for i in keep if i != number]
        if number == first or (number in keep and not bool(doubtful[number, others].all())):
            continue
        if recogniser is None:
            measured = f"face proportions differ by {float(far[number, others].min()):.1f}; up to {UNLIKE:g} is usual"
        else:
            measured = f"similarity {float(near[number, others].max()):.2f}; {SAME:g} or more is one person"
        said = DOUBT if number in keep else f"{LEFT_OUT}, it is not"
        lines.append(f"{view.name}: {said} the person in {_names(views, others)} ({measured})")
    return Likeness(tuple(keep), (*lines, _summary(recogniser, bool(lines), len(keep))))


def _names(views: list[View], numbers: list[int]) -> str:
    names = [views[i].name for i in numbers]
    return ", ".join(names) if len(names) <= 2 else f"the {len(names)} other images"


def _summary(recogniser: Recogniser | None, odd: bool, count: int) -> str:
    if recogniser is None:
        found = "an image is odd, see above" if odd else "nothing is odd"
        return (
            f"same person: compared by face proportions only, a weak check ({found}); a recognition network in "
            "models/insightface would check it well"
        )
    if count == 1:
        return f"same person: no two images agree by {recogniser.name}"
    return f"same person: {count} images compared by {recogniser.name}" + (", see above" if odd else ", they agree")


def _groups(linked: torch.Tensor) -> list[list[int]]:
    """Images that are linked directly or through others, from a symmetric bool [N, N]."""
    waiting, groups = set(range(len(linked))), []
    while waiting:
        group, edge = set(), {min(waiting)}
        while edge:
            group |= edge
            edge = {j for i in edge for j in waiting if bool(linked[i, j])} - group
        waiting -= group
        groups.append(sorted(group))
    return groups


def shape_distances(views: list[View]) -> torch.Tensor:
    """[N, N] root mean square difference of the proportions, in spreads within one person."""
    values = torch.stack([proportions(view.points) for view in views])
    return (values[:, None] - values[None]).square().mean(2).sqrt()


def proportions(points: torch.Tensor) -> torch.Tensor:
    """Logarithms of the ratios of a face, in spreads: points [478, 3] px -> [14]. Expression moves few of them."""
    face = unpose(points[None], *head_pose(points[None], canonical_face()))[0]
    eyes = (face[[33, 133]].mean(0) - face[[362, 263]].mean(0)).norm()
    found = []
    for first, second, axes, spread in _RATIOS:
        apart = face[list(first)].mean(0) - face[list(second)].mean(0)
        length = apart["xyz".index(axes)].abs() if len(axes) == 1 else apart.norm()
        found.append((length / eyes).clamp_min(0.01).log() / spread)
    return torch.stack(found)
