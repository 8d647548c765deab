"""The shape of a character's face from all of its views."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..geometry.face_regions import open_skin
from ..geometry.pose import canonical_face, head_pose, unpose
from ..types import View

GUESS = 0.15
"""Weight of the depth that the landmark network guesses from a frontal picture, against what a profile shows."""


def head_space(view: View) -> torch.Tensor:
    """The face of a view in head space, cm of the canonical face: float32 [478, 3]."""
    return unpose(view.points[None], *head_pose(view.points[None], canonical_face()))[0]


def with_common_depth(views: list[View], primary: int) -> list[View]:
    """The views, the depth of the primary one's points taken from all of them.

    What is depth in a frontal picture is seen as width in one from the side: weights grow with the square of the sine
    of the yaw and with how well a point is seen. One view stays as it is.
    """
    if len(views) < 2:
        return views
    total, weight = torch.zeros(478), torch.zeros(478)
    for view in views:
        _, rotation, _ = head_pose(view.points[None], canonical_face())
        sideways = float(rotation[0, 0, 2].square())  # of the axis that points away from the face
        share = (GUESS + sideways) * (0.05 + _seen(view))
        total += share * head_space(view)[:, 2]
        weight += share
    scale, rotation, place = (value[0] for value in head_pose(views[primary].points[None], canonical_face()))
    shape = head_space(views[primary])
    shape[:, 2] = total / weight
    points = views[primary].points.clone()
    points[:, 2] = (scale * shape @ rotation.T + place)[:, 2]
    return [replace(view, points=points) if number == primary else view for number, view in enumerate(views)]


def _seen(view: View) -> torch.Tensor:
    """How well each point is seen, from the facing of the skin around it: float32 [478], 0..1."""
    triangles = open_skin()
    corner = view.points[triangles]
    normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = torch.zeros(478, 3).index_add_(0, triangles.reshape(-1), normal.repeat_interleave(3, 0))
    facing = -total[:, 2] / total.norm(dim=1).clamp_min(1e-9)
    facing = facing * facing.mean().sign()
    facing[468:] = 1
    return facing.clamp(0, 1)
