"""The shape of a character's face from all of its views."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..geometry.face_regions import open_skin
from ..geometry.normals import vertex_normals
from ..geometry.pose import canonical_face, head_pose, unpose
from ..types import View


def head_space(view: View) -> torch.Tensor:
    """The face of a view in head space, cm of the canonical face: float32 [478, 3]."""
    return unpose(view.points[None], *head_pose(view.points[None], canonical_face()))[0]


def with_common_depth(views: list[View], primary: int) -> list[View]:
    """The views, the depth of the primary one's points taken from all of them.

    Depth is what the landmark network guesses; the mean over several pictures, weighted by frontality (squared cosine
    of the yaw) and by how well a point is seen, is a steadier guess. Heights and widths stay those of the primary view,
    whose picture is reproduced exactly. One view stays as it is.
    """
    if len(views) < 2:
        return views
    total, weight = torch.zeros(478), torch.zeros(478)
    for view in views:
        _, rotation, _ = head_pose(view.points[None], canonical_face())
        share = rotation[0, 2, 2].square() * (0.05 + seen(view))
        total += share * head_space(view)[:, 2]
        weight += share
    scale, rotation, place = (value[0] for value in head_pose(views[primary].points[None], canonical_face()))
    shape = head_space(views[primary])
    shape[:, 2] = total / weight
    points = views[primary].points.clone()
    points[:, 2] = (scale * shape @ rotation.T + place)[:, 2]
    return [replace(view, points=points) if number == primary else view for number, view in enumerate(views)]


def seen(view: View) -> torch.Tensor:
    """How well each point is seen, from the facing of the skin around it: float32 [478], 0..1."""
    total = vertex_normals(view.points[None], open_skin())[0]
    facing = -total[:, 2] / total.norm(dim=1).clamp_min(1e-9)
    facing = facing * facing.mean().sign()
    facing[468:] = 1
    return facing.clamp(0, 1)
