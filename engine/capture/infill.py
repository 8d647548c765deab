"""Hidden regions of the face filled in from the pose of the head and the regions that are seen.

    visible rigid points ------> head pose ----------------+
    shape before and after ----> expected shape --+        v
    visible points -------------> correction -----+--> filled points

The correction is a regression within what this face did elsewhere in the clip (its principal shapes).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..geometry.pose import canonical_face, fit_similarity, head_pose, rigid_indices, unpose
from ..geometry.series import fill_gaps, gap_age, main_directions
from .occlusion import part_weights

HIDDEN = 0.5
"""A part under this visibility is filled in."""
SHAPES = 10
"""Principal shapes of the regression."""
NOISE = 1.0
"""How little the regression trusts one seen point, cm in head space. Its error is smaller, but neighbours err alike:
hundreds of points say no more than a few dozen."""
RIGID = (0.2, 0.7)
"""Seen share of the rigid points under which turn and size of the head are interpolated, and from which they are read
off the points."""
HOLD_S = 0.5
"""A hidden region keeps its last shape this long; then it returns to the clip's usual one within as long again."""
BLEND_S = 0.1
"""Length of the transition between seen and filled points, at least two frames."""


def fill_hidden(
    points: torch.Tensor,
    face_visibility: torch.Tensor,
    known: torch.Tensor,
    frame_rate: float,
    cuts: tuple[int, ...] = (),
) -> torch.Tensor:
    """Face points with the hidden ones filled in: float32 [T, 478, 3] px, the others as they were.

    points: float32 [T, 478, 3] px, gaps filled; face_visibility: float32 [T, 8]; known: bool [T], frames in which the
    face was found; cuts: first frames of the shots after the first one, each filled by itself.
    """
    bounds = (0, *cuts, len(points))
    shots = (slice(start, stop) for start, stop in zip(bounds, bounds[1:], strict=False))
    return torch.cat([_fill_shot(points[shot], face_visibility[shot], known[shot], frame_rate) for shot in shots])


def _fill_shot(points, face_visibility, known, frame_rate):
    hidden = (face_visibility < HIDDEN) & known[:, None]
    clear = known & ~hidden.any(1)
    if not bool(hidden.any()) or int(clear.sum()) < 4:
        return points
    reach = max(2, round(BLEND_S * frame_rate))
    # a frame hidden as a whole is interpolated between its neighbours, which must not fade for that
    whole = hidden.all(1, keepdim=True)
    partly = (hidden & ~whole).float()
    wide = (F.max_pool1d(partly.T[None], 2 * reach + 1, 1, reach)[0].T > 0) | whole  # with the frames of transition
    cover = wide.float() @ part_weights().T  # [T, 478]
    usual = unpose(points[clear], *head_pose(points[clear], canonical_face())).median(0).values
    scale, rotation, translation = _pose(points, usual, cover, clear)
    shapes = unpose(points, scale, rotation, translation)
    filled = _regressed(shapes, usual, cover, wide, clear, frame_rate)
    placed = scale[:, None, None] * (filled @ rotation.transpose(1, 2)) + translation[:, None]
    share = torch.maximum(_blend(partly @ part_weights().T, reach), whole.float())[..., None]
    return points + share * (placed - points)


def _pose(points, usual, cover, clear):
    """Scale [T], rotation [T,3,3], translation [T,3] from the rigid points that are seen; the fewer they are, the
    more it is the pose between the frames that show enough."""
    index, weights = rigid_indices()
    seen = weights * (1 - cover[:, index]).clamp(0, 1).square()
    scale, rotation, translation = fit_similarity(usual[index], points[:, index], seen + 1e-3 * weights)
    share = seen.sum(1) / weights.sum()
    trust = ((share - RIGID[0]) / (RIGID[1] - RIGID[0])).clamp(0, 1)
    sure = trust == 1
    sure = sure if bool(sure.any()) else clear
    turned = _rotation(torch.lerp(fill_gaps(rotation, sure), rotation, trust[:, None, None]))
    size = torch.lerp(fill_gaps(scale.log(), sure), scale.log(), trust).exp()
    # the place follows even a few seen points, given how the head is turned
    few = seen / seen.sum(1, keepdim=True).clamp_min(1e-6)
    apart = points[:, index] - size[:, None, None] * (usual[index] @ turned.transpose(1, 2))
    placed = (apart * few[..., None]).sum(1)
    some = (share > RIGID[0]) | sure
    return fill_gaps(size.log(), some).exp(), _rotation(fill_gaps(turned, some)), fill_gaps(placed, some)


def _rotation(near: torch.Tensor) -> torch.Tensor:
    """The rotation nearest to each matrix [T, 3, 3], such as the mean of two rotations."""
    u, _, vh = torch.linalg.svd(near)
    return u @ vh


def _regressed(shapes, usual, cover, hidden, clear, frame_rate):
    """Shapes [T, 478, 3] in which hidden points are the likeliest ones given the seen points."""
    expected = torch.empty_like(shapes)
    weights = part_weights()
    for part in range(hidden.shape[1]):
        seen = ~hidden[:, part] & (cover.mean(1) < 0.5)
        seen = seen if bool(seen.any()) else clear
        late = ((gap_age(seen, frame_rate) - HOLD_S) / HOLD_S).clamp(0, 1)[:, None, None]
        mine = weights[:, part] > 1e-3
        held = fill_gaps(shapes[:, mine], seen)
        part_shape = held + late * (usual[mine] - held)
        expected[:, mine] = torch.where((weights[mine].argmax(1) == part)[:, None], part_shape, expected[:, mine])
    learnt = (shapes[clear] - usual).flatten(1)
    main, spread = main_directions(learnt[:: max(1, len(learnt) // 600)], SHAPES)
    basis = main.view(len(usual), 3, -1)
    rows = hidden.any(1).nonzero()[:, 0]
    trust = (1 - cover[rows]).clamp(0, 1)[:, :, None] / NOISE**2 * torch.tensor([1.0, 1.0, 0.0])  # depth is a guess
    # how far this moment is from the expected shape, told by the seen points alone
    surprise = (shapes - expected)[rows]
    left = torch.einsum("pck,rpc,pcj->rkj", basis, trust, basis)
    left = left + torch.diag(1 / spread.clamp_min(1e-3).square())
    right = torch.einsum("pck,rpc,rpc->rk", basis, trust, surprise)
    answer = torch.linalg.solve(left, right[..., None])[..., 0]
    filled = shapes.clone()
    filled[rows] = expected[rows] + torch.einsum("pck,rk->rpc", basis, answer)
    return filled


def _blend(cover: torch.Tensor, reach: int) -> torch.Tensor:
    """Share of the filled point in the result, [T, 478]: 1 where it is hidden, falling to 0 within `reach` frames."""
    share = (cover / 0.5).clamp(0, 1)
    out = share.clone()
    for step in range(1, reach + 1):
        fade = 1 - step / (reach + 1)
        out[step:] = torch.maximum(out[step:], fade * share[:-step])
        out[:-step] = torch.maximum(out[:-step], fade * share[step:])
    return out
