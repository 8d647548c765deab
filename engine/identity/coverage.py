"""Which directions of the head a character's images show, and which picture to add next.

        pitch < 0: looks up
             +--------------------------+
             |          up              |
yaw < 0:     |                          |   yaw > 0: looks to the right of the picture
looks to the | side  3/4  front 3/4 side|
left of the  |                          |
picture      |         down             |
             +--------------------------+
        pitch > 0: looks down
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..geometry.pose import angles, canonical_face, head_pose
from ..types import Identity, View

YAW_REACH, PITCH_REACH = 25.0, 18.0
"""Degrees that the head can turn away from a picture before what was hidden in it shows: half of what separates a
frontal from a three-quarter view, and what a frontal photograph carries in this engine before cheeks stretch."""
MOST_ENLARGED = 2.5
"""A view whose face is smaller than the rendered one's by more than this is too soft to be drawn beside it."""


@dataclass(frozen=True)
class Direction:
    """A direction worth having a picture of. yaw, pitch: degrees. wish: how to ask for it. needed: without it the
    character cannot turn there; the others only add quality far out."""

    name: str
    yaw: float
    pitch: float
    wish: str
    needed: bool = True


DIRECTIONS = (
    Direction("front", 0, 0, "a frontal picture that looks into the camera"),
    Direction("three-quarter left", -40, 0, "a three-quarter view that looks to the left of the picture"),
    Direction("three-quarter right", 40, 0, "a three-quarter view that looks to the right of the picture"),
    Direction("side left", -75, 0, "a side view that looks to the left of the picture", needed=False),
    Direction("side right", 75, 0, "a side view that looks to the right of the picture", needed=False),
    Direction("up", 0, -28, "a picture with the chin raised", needed=False),
    Direction("down", 0, 28, "a picture that looks down a little", needed=False),
)


@dataclass(frozen=True)
class Coverage:
    """angles: yaw, pitch in degrees of every view; used: which of them the head is drawn from. covered, missing:
    DIRECTIONS. left, right: how far the head can turn to either side of the picture within reach of a view, without a
    gap from the rendered one, degrees."""

    angles: tuple[tuple[float, float], ...]
    used: tuple[bool, ...]
    covered: tuple[Direction, ...]
    missing: tuple[Direction, ...]
    left: float
    right: float

    @property
    def advice(self) -> tuple[str, ...]:
        return tuple(one.wish for one in self.missing if one.needed)


def view_angles(view: View) -> torch.Tensor:
    """Yaw, pitch, roll of the head in a view, degrees [3]."""
    _, rotation, _ = head_pose(view.points[None], canonical_face())
    return angles(rotation)[0]


def coverage(identity: Identity) -> Coverage:
    """What the views of an identity show."""
    places = [tuple(view_angles(view)[:2].tolist()) for view in identity.views]
    return cover(places, identity.primary, [is_drawn_from(view, identity.view) for view in identity.views])


def is_drawn_from(view: View, primary: View) -> bool:
    """Whether the head is drawn from a view at all: not with a hand at it, nor from a face that is far smaller."""
    sizes = [float(head_pose(one.points[None], canonical_face())[0]) for one in (primary, view)]
    return view is primary or (not view.covered and sizes[0] <= MOST_ENLARGED * sizes[1])


def cover(places: list[tuple[float, float]], primary: int, used: list[bool] | None = None) -> Coverage:
    """The coverage of views at these (yaw, pitch) places in degrees; used: None = the head is drawn from all."""
    used = [True] * len(places) if used is None else used
    drawn = [place for place, drawn in zip(places, used, strict=True) if drawn]
    covered = tuple(one for one in DIRECTIONS if any(_reaches(place, one.yaw, one.pitch) for place in drawn))
    missing = tuple(one for one in DIRECTIONS if one not in covered)
    left, right = (_turn(drawn, places[primary], side) for side in (-1, 1))
    return Coverage(tuple(places), tuple(used), covered, missing, left, right)


def reaches_away(places: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distance of directions [..., 2] (yaw, pitch in degrees) from others, in reaches: float32 [...]."""
    return ((places - others) / places.new_tensor([YAW_REACH, PITCH_REACH])).norm(dim=-1)


def nearest_wish(yaw: float, pitch: float) -> str:
    """How to ask for a picture that looks there."""
    there = torch.tensor([yaw, pitch])
    away = reaches_away(torch.tensor([(one.yaw, one.pitch) for one in DIRECTIONS]), there)
    return DIRECTIONS[int(away.argmin())].wish


def _reaches(place: tuple[float, float], yaw: float, pitch: float) -> bool:
    return float(reaches_away(torch.tensor(place, dtype=torch.float32), torch.tensor([yaw, pitch]))) <= 1


def _turn(places, start, side: int) -> float:
    """The yaw up to which views follow each other without a gap, from `start` to one side."""
    reached = start[0] + side * YAW_REACH
    level = [yaw for yaw, pitch in places if abs(pitch - start[1]) <= PITCH_REACH]
    for yaw in sorted(level, key=lambda value: side * value):
        if side * (yaw - side * YAW_REACH) <= side * reached:
            reached = side * max(side * reached, side * yaw + YAW_REACH)
    return reached
