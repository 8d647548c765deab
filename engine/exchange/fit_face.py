"""The 478 face points of a face of which only 68 points and the pupils are known, frame by frame.

    1. head pose: the canonical face's rigid points laid on the picture (weak perspective), with the performer's own
       proportions estimated from all frames together;
    2. what is left, turned back into the plane of the face, is the expression and the shape of this face;
    3. a thin plate spline carries it from the 68 points to the whole mesh.

The 68 points come out where they went in; depth is the canonical face's, and follows the head.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from ..geometry import face_regions as regions
from ..geometry.pose import canonical_face, rotation_matrix
from .face68 import FACE68, INNER_LIPS, OUTER_LIPS, PUPILS

RIGID = {27: 1.5, 28: 1.5, 29: 1.2, 30: 1.0, 31: 0.4, 33: 0.6, 35: 0.4,
         36: 1.5, 39: 1.5, 42: 1.5, 45: 1.5, 0: 0.4, 1: 0.3, 15: 0.3, 16: 0.4}  # fmt: skip
"""Numbers of the 68 that move with the skull, and how much they count: nose, corners of the eyes, temples."""
ROUNDS = 4
STEPS = 4
"""Rounds of pose and proportions, and Gauss-Newton steps of the pose in each; both have settled by then."""
PROPORTIONS = 0.05
"""How much the canonical face weighs against the frames when the performer's proportions are estimated."""
FACING = 0.15
"""Foreshortening below which motion is no longer turned back into the face's plane: a face seen from the side."""
IRIS_RADIUS = 0.585
"""cm. Irises are 11.7 mm wide in nearly everybody."""
_RING = torch.tensor([[0, 0, 0], [1, 0, 0], [0, -1, 0], [-1, 0, 0], [0, 1, 0]]).double()
"""Of an iris: its centre, then picture right, top, picture left and bottom."""
_FOREHEAD = (10, 109, 338, 67, 297, 103, 332, 54, 284, 21, 251)
"""Points that none of the 68 is near to: they go with the skull."""


def fit_face(points: torch.Tensor) -> torch.Tensor:
    """points: float32 [T, 70, 2] px, the 68 points and both pupils. Returns float32 [T, 478, 3] px."""
    seen = points.double()
    canonical = canonical_face().double()
    shape = canonical[list(FACE68)]
    pose = _first_guess(seen[:, list(RIGID)], shape[list(RIGID)])
    for _ in range(ROUNDS):
        pose = _head_pose(seen[:, list(RIGID)], shape[list(RIGID)], *pose)
        shape = _proportions(seen[:, :68], canonical[list(FACE68)], *pose)
    scale, rotation, place = pose
    mesh = canonical.clone()
    mesh += _carried((shape - canonical[list(FACE68)])[None])[0]
    base = torch.cat([shape, mesh[list(PUPILS)]])
    moved = _in_plane(seen, base, *pose)
    faces = mesh + _carried(moved[:, :68])
    for number, (iris, pupil) in enumerate(zip(regions.IRISES, PUPILS)):
        centre = mesh[pupil] + moved[:, 68 + number]
        faces[:, list(iris)] = centre[:, None] + IRIS_RADIUS * _RING
    posed = scale[:, None, None] * (faces @ rotation.mT)
    posed[..., :2] += place[:, None]
    posed[:, list(FACE68), :2] = seen[:, :68]
    return posed.float()


def _head_pose(seen: torch.Tensor, shape: torch.Tensor, scale, rotation, place):
    """Scale [T], rotation [T, 3, 3] and place [T, 2] px that lay a rigid shape [N, 3] on points [T, N, 2] px, from
    such values near by."""
    weights = torch.tensor(list(RIGID.values())).double()
    for _ in range(STEPS):
        posed = scale[:, None, None] * (shape @ rotation.mT)
        error = seen - posed[..., :2] - place[:, None]
        x, y, z = posed.unbind(-1)
        none, one = torch.zeros_like(x), torch.ones_like(x)
        # by a small turn about x, y and z, a growth, and a shift to the right and down
        rows = [
            torch.stack([none, z, -y, x, one, none], -1),
            torch.stack([-z, none, x, y, none, one], -1),
        ]
        slope = torch.stack(rows, -2)  # [T, N, 2, 6]
        weighted = slope * weights[:, None, None]
        square = torch.einsum("tnij,tnik->tjk", weighted, slope)
        damping = 1e-6 * square.diagonal(dim1=1, dim2=2).mean(1)[:, None, None] * torch.eye(6).double()
        step = torch.linalg.solve(square + damping, torch.einsum("tnij,tni->tj", weighted, error))
        turn = rotation_matrix(step[:, :3].clamp(-0.5, 0.5)).double()
        scale, rotation = scale * step[:, 3].clamp(-0.3, 0.3).exp(), turn @ rotation
        place = place + step[:, 4:]
    return scale, rotation, place


def _first_guess(seen, shape):
    """By the best affine map of the shape: its rows made square."""
    weights = torch.tensor(list(RIGID.values())).double()
    share = (weights / weights.sum())[:, None]
    place, middle = (seen * share).sum(1), (shape * share).sum(0)
    root = weights.sqrt()[:, None]
    affine = (torch.linalg.pinv((shape - middle) * root) @ ((seen - place[:, None]) * root)).mT  # [T, 2, 3]
    u, size, vh = torch.linalg.svd(affine, full_matrices=False)
    rows = u @ vh
    rotation = torch.cat([rows, torch.linalg.cross(rows[:, 0], rows[:, 1])[:, None]], 1)
    scale = size.mean(1)
    return scale, rotation, place - scale[:, None] * (rows @ middle)


def _proportions(seen, canonical, scale, rotation, place) -> torch.Tensor:
    """The 68 points of the face that explains all frames best, [68, 3], drawn to the canonical one."""
    rows = rotation[:, :2] * scale[:, None, None]
    stiff = PROPORTIONS * scale.square().sum()
    square = torch.einsum("tij,tik->jk", rows, rows) + stiff * torch.eye(3).double()
    right = torch.einsum("tij,tni->nj", rows, seen - place[:, None]) + stiff * canonical
    return torch.linalg.solve(square, right.T).T


def _in_plane(seen, base, scale, rotation, place) -> torch.Tensor:
    """How the points differ from a base face [N, 3] in head space, without depth: [T, N, 3]."""
    rest = seen - scale[:, None, None] * (base @ rotation[:, :2].mT) - place[:, None]
    plane = rotation[:, :2, :2]
    square = plane.mT @ plane + FACING**2 * torch.eye(2).double()
    back = torch.linalg.solve(square, plane.mT) * (1 + FACING**2)
    flat = (rest / scale[:, None, None]) @ back.mT
    return torch.cat([flat, torch.zeros_like(flat[..., :1])], -1)


def _carried(moved: torch.Tensor) -> torch.Tensor:
    """Motion [T, 68, 3] of the 68 points -> motion of the mesh [T, 478, 3]."""
    return torch.einsum("mn,tnk->tmk", _spline(), moved)


@cache
def _spline() -> torch.Tensor:
    """float64 [478, 68]: how much of each of the 68 points' motion a mesh point takes.

    Upper and lower lip are nearly in one place and move apart, so the skin above the mouth knows nothing of the lower
    lip, and the skin below it nothing of the upper one.
    """
    flat = canonical_face()[:, :2].double().numpy()
    upper_lip = {*OUTER_LIPS[1:6], *INNER_LIPS[1:4]}
    lower_lip = {*OUTER_LIPS[7:], *INNER_LIPS[5:]}
    above = _weights(flat, [number for number, point in enumerate(FACE68) if point not in lower_lip])
    below = _weights(flat, [number for number, point in enumerate(FACE68) if point not in upper_lip])
    lower_rows = {point for row in _LOWER_ROWS for point in row[1:-1]}
    mouth = flat[list(regions.MOUTH_CORNERS), 1].mean()
    lips = {point for row in (*_LOWER_ROWS, *_UPPER_ROWS) for point in row}
    is_below = np.array([i in lower_rows or (i not in lips and flat[i, 1] > mouth + 0.3) for i in range(len(flat))])
    return torch.from_numpy(np.where(is_below[:, None], below, above))


_UPPER_ROWS = (regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER)
_LOWER_ROWS = (regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER)


def _weights(flat: np.ndarray, numbers: list[int]) -> np.ndarray:
    from scipy.interpolate import RBFInterpolator

    sites = flat[[*(FACE68[number] for number in numbers), *_FOREHEAD]]
    values = np.zeros((len(sites), len(FACE68)))
    values[np.arange(len(numbers)), numbers] = 1
    return RBFInterpolator(sites, values, kernel="thin_plate_spline")(flat)
