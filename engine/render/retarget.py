"""From the performer's face to the character's: expression, contacts, head pose.

Works in head space (see geometry.pose) in centimetres of the canonical face, so that a region's ratio between the
two faces is a plain quotient. Order as in the design: expression is added before rotation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..geometry import face_regions as regions
from ..geometry.face_regions import open_skin
from ..geometry.pose import head_pose, rotation_matrix, rotation_vector, unpose
from ..geometry.series import smooth
from ..types import Identity, MotionTrack, RenderSettings

MAX_HEAD_TURN = 50.0
"""Degrees from the character's own facing at which relative rotation saturates: one picture carries no more."""
MAX_HEAD_SHIFT = 0.55
"""Head translation saturates at this share of the face's height: the body does not follow yet."""


@dataclass(frozen=True)
class HeadMotion:
    """What the character's head does, T frames.

    delta: float32 [T, 478, 3] expression in head space, px of the character's picture (z too).
    rotation: float32 [T, 3, 3] relative to the picture. scale: float32 [T] relative.
    shift: float32 [T, 2] px of the head. torso: float32 [T, 2] px of the shoulders.
    gaze: float32 [T, 2, 2] iris shift in px of the picture, right and left eye.
    jaw: float32 [T] downward motion of the jaw, px. confidence: float32 [T].
    """

    delta: torch.Tensor
    rotation: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor
    torso: torch.Tensor
    gaze: torch.Tensor
    jaw: torch.Tensor
    confidence: torch.Tensor


def retarget(track: MotionTrack, identity: Identity, settings: RenderSettings) -> HeadMotion:
    """The whole clip at once: everything here is small (478 points a frame)."""
    points = identity.view.points[None]
    size, facing, _ = (value[0] for value in head_pose(points, identity.neutral))
    delta = expression_delta(track, identity.neutral, settings.expression_strength)
    rotation = head_rotation(track, facing, settings)
    scale, shift, torso = placement(track, float(size), identity)
    width = _distance(identity.neutral, *regions.EYE_CORNERS[0]) * size
    gaze = (track.gaze * settings.expression_strength).clamp(-0.35, 0.35) * width
    pixels = delta * size
    return HeadMotion(
        delta=pixels,
        rotation=rotation,
        scale=scale,
        shift=shift,
        torso=torso,
        gaze=gaze,
        jaw=(0.35 * pixels[:, regions.CHIN, 1] + 0.65 * pixels[:, 14, 1]).clamp_min(0),
        confidence=track.face_confidence,
    )


def expression_delta(track: MotionTrack, neutral: torch.Tensor, strength: float) -> torch.Tensor:
    """Expression of every frame in the character's head space, cm: float32 [T, 478, 3]."""
    translation = torch.cat([track.translation, track.face_points.new_zeros(len(track), 1)], 1)
    unposed = unpose(track.face_points, track.scale, track.rotation, translation)
    unposed[..., 2] += (track.neutral[:, 2] - unposed[..., 2]).mean(1, keepdim=True)
    delta = (unposed - track.neutral) * region_ratios(track.neutral, neutral) * vertex_freedom(neutral)
    delta = delta * strength
    limit_upper_lip(delta, track.neutral, neutral)
    close_lips(delta, unposed, track.neutral, neutral, strength)
    close_lids(delta, unposed, track.neutral, neutral, strength)
    join_lips_to_skin(delta, neutral)
    unfold(delta, neutral, open_skin())
    return delta


def region_ratios(driver: torch.Tensor, character: torch.Tensor) -> torch.Tensor:
    """Size of the character's face over the driver's, per point and axis: float32 [478, 3]."""

    def ratio(measure):
        return (measure(character) / measure(driver).clamp_min(1e-3)).clamp(0.6, 1.7)

    eyes_apart = ratio(lambda p: _distance(p, 33, 263))
    face_height = ratio(lambda p: _distance(p, regions.FOREHEAD_TOP, regions.CHIN))
    mouth = (ratio(lambda p: _distance(p, *regions.MOUTH_CORNERS)) * eyes_apart).sqrt()
    eye = ratio(lambda p: _distance(p, 33, 133) + _distance(p, 263, 362))
    brow = ratio(lambda p: (p[[159, 386], 1] - p[[105, 334], 1]).mean())
    # weight of each region at a point falls with the distance from the region's own points
    groups = (
        (regions.OUTER_LIP_UPPER + regions.OUTER_LIP_LOWER, (mouth, mouth)),
        (regions.RIGHT_EYE_UPPER + regions.LEFT_EYE_UPPER, (eye, eye)),
        (regions.RIGHT_BROW + regions.LEFT_BROW, (eyes_apart, (brow * face_height).sqrt())),
        (regions.FACE_OVAL, (eyes_apart, face_height)),
    )
    weight = torch.stack(
        [torch.cdist(character[:, :2], character[list(points), :2]).amin(1).add(0.3).pow(-2) for points, _ in groups]
    )
    weight = weight / weight.sum(0)
    x = sum(w * pair[0] for w, (_, pair) in zip(weight, groups, strict=True))
    y = sum(w * pair[1] for w, (_, pair) in zip(weight, groups, strict=True))
    # depth of single points is the least certain thing the landmark network says: half of it
    return torch.stack([x, y, 0.5 * x], 1)


def vertex_freedom(character: torch.Tensor) -> torch.Tensor:
    """How much of its expression each point may use, float32 [478, 3]: the upper contour is skull, the lower
    contour follows the jaw downwards only, so that the driver's face shape cannot leak."""
    oval = character[list(regions.FACE_OVAL)]
    near = (1 - torch.cdist(character[:, :2], oval[:, :2]).amin(1) / 2.0).clamp(0, 1)  # 1 on the oval, 0 at 2 cm
    low = ((character[:, 1] - character[33, 1]) / (character[regions.CHIN, 1] - character[33, 1])).clamp(0, 1)
    sideways = 1 - near * (1 - 0.5 * low)
    down = 1 - near * (1 - low)
    return torch.stack([sideways, down, down], 1)


def close_lips(delta, unposed, driver, character, strength) -> None:
    """Makes the gap between the lips the driver's gap times the size ratio, in place; lips that touch, touch.

    The gap is absolute: a character photographed with an open mouth closes it when the driver does.
    """
    upper, lower = list(regions.INNER_LIP_UPPER[1:-1]), list(regions.INNER_LIP_LOWER[1:-1])
    gap = unposed[:, lower, 1] - unposed[:, upper, 1]
    width = _distance(driver, *regions.MOUTH_CORNERS)
    touching = (torch.quantile(_sample_rows(gap), 0.08, dim=0) + 0.008 * width).clamp(max=0.06 * float(width))
    ratio = _distance(character, 33, 263) / _distance(driver, 33, 263)
    ratio = (ratio * (_distance(character, *regions.MOUTH_CORNERS) / width)).sqrt().clamp(0.5, 1.8)
    wanted = (gap - touching).clamp_min(0) * ratio * strength
    present = character[lower, 1] + delta[:, lower, 1] - character[upper, 1] - delta[:, upper, 1]
    error = wanted - present
    share = torch.where(error < 0, 0.35, 0.1)  # of the upper lip: the jaw does the rest
    for rows, correction in (
        ((regions.INNER_LIP_UPPER, *regions.LIP_UPPER_ROWS, regions.OUTER_LIP_UPPER), -share * error),
        ((regions.INNER_LIP_LOWER, *regions.LIP_LOWER_ROWS, regions.OUTER_LIP_LOWER), (1 - share) * error),
    ):
        for row, fade in zip(rows, (1.0, 0.9, 0.75, 0.55), strict=True):
            delta[:, list(row[1:-1]), 1] += correction * fade


def limit_upper_lip(delta, driver, character) -> None:
    """A raised upper lip uses the room under this nose, not under the driver's; in place."""
    room = (_distance(character, 2, 0) / _distance(driver, 2, 0)).clamp(0.35, 1.1)
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
    distance = torch.cdist(character[skin, :2], character[contour, :2])
    near = torch.exp(-(distance / 0.9).square())  # [S, K]
    around = (near / near.sum(0, keepdim=True).clamp_min(1e-6)).T @ delta[:, skin]
    jump = delta[:, contour] - around
    weight = (distance + 0.2).pow(-3)
    weight = weight / weight.sum(1, keepdim=True)
    nose = (character[skin, 1] > character[2, 1]).float()  # the nose does not follow the lip
    fade = ((1 - distance.amin(1) / 3.0).clamp_min(0) * nose)[:, None]
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


def close_lids(delta, unposed, driver, character, strength) -> None:
    """Transfers eye openings as a ratio of the neutral opening, in place; a closed lid closes. The upper lid
    does most of the way."""
    for (upper, lower), (outer, inner) in zip(regions.EYES, regions.EYE_CORNERS, strict=True):
        up, low = list(upper[1:-1]), list(lower[1:-1])
        opening = (unposed[:, low, 1] - unposed[:, up, 1]).mean(1)
        rest = (driver[low, 1] - driver[up, 1]).mean().clamp_min(0.1)
        shut = torch.quantile(_sample_rows(opening[:, None]), 0.01).clamp(0, 0.3 * float(rest))
        ratio = ((opening - shut) / (rest - shut)).clamp(0, 1.6)
        ratio = (1 + (ratio - 1) * strength).clamp(0, 1.8)
        own = (character[low, 1] - character[up, 1]).clamp_min(0)
        wanted = own * ratio[:, None]
        present = own + delta[:, low, 1] - delta[:, up, 1]
        error = wanted - present
        delta[:, up, 1] -= 0.85 * error
        delta[:, low, 1] += 0.15 * error
        delta[:, [outer, inner], 1] *= 0.5


def head_rotation(track: MotionTrack, facing: torch.Tensor, settings: RenderSettings) -> torch.Tensor:
    """Rotation of every frame relative to the character's picture [T, 3, 3].

    'image': motion relative to the driver's neutral frame. 'video': the driver's own facing.
    """
    start = track.rotation[track.anchor] if settings.orientation == "image" else facing
    relative = track.rotation @ start.T
    vector = rotation_vector(relative) * settings.head_strength
    angle = vector.norm(dim=1, keepdim=True).clamp_min(1e-6)
    limit = MAX_HEAD_TURN * torch.pi / 180
    return rotation_matrix(vector * (limit * torch.tanh(angle / limit) / angle))


def placement(track: MotionTrack, size: float, identity: Identity):
    """scale [T], head shift [T, 2] px, shoulder shift [T, 2] px, relative to the neutral frame."""
    unit = size / float(track.scale[track.anchor])
    raw = (track.translation - track.translation[track.anchor]) * unit
    scale = (track.scale / track.scale[track.anchor]).log()
    scale = (0.18 * torch.tanh(scale / 0.18)).exp()
    height = float(_distance(identity.neutral, regions.FOREHEAD_TOP, regions.CHIN)) * size
    limit = MAX_HEAD_SHIFT * height
    rate = float(track.frame_rate)
    shoulders, seen = track.body[:, [11, 12], :2].mean(1), track.body[:, [11, 12], 3].amin(1)
    if float((seen > 0.6).float().mean()) > 0.8:
        torso = smooth((shoulders - shoulders[track.anchor]) * unit, rate, 0.3)
    else:
        torso = smooth(raw, rate, 0.6) * 0.6
    torso = _saturate(torso, 0.35 * height)
    neck = _saturate(raw - torso, 0.3 * height)
    return scale, _saturate(torso + neck, limit), torso


def _saturate(vector: torch.Tensor, limit: float) -> torch.Tensor:
    length = vector.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return vector * (limit * torch.tanh(length / limit) / length)


def _distance(points: torch.Tensor, a: int, b: int) -> torch.Tensor:
    return (points[a] - points[b]).norm()


def _sample_rows(values: torch.Tensor, most: int = 4000) -> torch.Tensor:
    """Evenly spaced rows: a quantile needs no more, and torch.quantile takes 16 M values at most."""
    return values[:: max(1, len(values) // most)]
