"""From the performer's face to the character's: expression, contacts, head pose.

Works in head space (see geometry.pose) in centimetres of the canonical face, so that a region's ratio between the
two faces is a plain quotient. Order as in the design: expression is added before rotation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from ..geometry import face_regions as regions
from ..geometry.face_regions import open_skin
from ..geometry.pose import head_pose, rigid_indices, rotation_matrix, rotation_vector, unpose
from ..geometry.series import smooth
from ..geometry.unfold import unfold
from ..types import Identity, MotionTrack, RenderSettings
from .baseline import Baseline, choose_baseline
from .contacts import close_lids, close_lips, distance, join_lips_to_skin, limit_upper_lip
from .relief import relief_maps
from .strength import Strength, point_strength

MAX_HEAD_TURN = 50.0
"""Degrees from the character's own facing at which relative rotation saturates: one picture carries no more."""
HEAD_GAIN = 1.2
"""Turns and nods of a face that is drawn from one picture look smaller than they are: landmark networks and head pose
networks alike read 15 to 25 % less than what was rendered. Roll is read as it is."""
EXPRESSION_GAIN = 1.1
"""The same for expressions: what is drawn from one resting picture (no wrinkles, no bulging cheeks) is read 10 to 30 %
weaker than it was performed. Openings of mouth and eyes are not multiplied: contacts stay exact."""
MAX_HEAD_GROWTH = 0.15
"""Natural logarithm of the head's change of size at which it saturates: leaning in, not a camera move."""
MAX_HEAD_SHIFT = 0.55
"""Head translation saturates at this share of the face's height: the body does not follow yet."""


class Gains(NamedTuple):
    """Factors on what the performer does: opening of the mouth; width of the mouth and height of its corners; brows;
    opening of the eyes. Contacts stay exact under every gain. See `response.fit_gains`."""

    mouth_open: float = 1.0
    mouth_width: float = EXPRESSION_GAIN
    brows: float = EXPRESSION_GAIN
    eyes: float = 1.0


PLAIN = Gains(1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class HeadMotion:
    """What the character's head does, T frames.

    delta: float32 [T, 478, 3] expression in head space, px of the character's picture (z too).
    rotation: float32 [T, 3, 3] relative to the picture. scale: float32 [T] relative.
    shift: float32 [T, 2] px of the head. torso: float32 [T, 2] px of the shoulders.
    gaze: float32 [T, 2, 2] iris shift in px of the picture, right and left eye.
    closed: float32 [T, 2], how far the right and the left eye are closed against the picture, 0..1.
    jaw: float32 [T] downward motion of the jaw, px.
    relief: float16 [T, S, S], see `relief.relief_maps`; S is 0 without one.
    """

    delta: torch.Tensor
    rotation: torch.Tensor
    scale: torch.Tensor
    shift: torch.Tensor
    torso: torch.Tensor
    gaze: torch.Tensor
    closed: torch.Tensor
    jaw: torch.Tensor
    relief: torch.Tensor

    def at(self, frames: torch.Tensor) -> HeadMotion:
        """Some frames of it, by index."""
        return self._each(lambda value: value[frames])

    def to(self, device) -> HeadMotion:
        return self._each(lambda value: value.to(device))

    def _each(self, change) -> HeadMotion:
        return replace(self, **{name: change(getattr(self, name)) for name in self.__dataclass_fields__})


def retarget(
    track: MotionTrack,
    landmarks: torch.Tensor,
    identity: Identity,
    settings: RenderSettings,
    gains: Gains | None = None,
) -> HeadMotion:
    """The whole clip at once: everything here is small (478 points a frame).

    landmarks: float32 [478, 3] of the identity's primary view, px of the size it is drawn at. Expression is added to
    the resting face; a performer who is the character plays relative to the face as the picture shows it.
    gains: None = the usual ones. A performer who is the character needs none.
    """
    strength, neutral = Strength.of(settings), identity.neutral
    size, facing, _ = (value[0] for value in head_pose(landmarks[None], neutral))
    shapes = performer_shapes(track)
    base = choose_baseline(track, shapes, neutral, facing)
    gains = PLAIN if base.from_character else gains or Gains()
    resting = neutral if base.from_character else identity.resting
    delta, closed = expression_delta(shapes, base, neutral, resting, strength, gains)
    scale, shift, torso = placement(track, base, float(size), neutral)
    width = distance(neutral, *regions.EYE_CORNERS[0]) * size
    pixels = delta * size
    return HeadMotion(
        delta=pixels,
        rotation=head_rotation(track, base, facing, settings),
        scale=scale,
        shift=shift,
        torso=torso,
        gaze=((track.gaze - base.gaze) * strength.eyes).clamp(-0.35, 0.35) * width,
        closed=closed,
        jaw=(0.35 * pixels[:, regions.CHIN, 1] + 0.65 * pixels[:, 14, 1]).clamp_min(0),
        relief=relief_maps(track, base.alike if base.from_character else None, point_strength(neutral, strength)),
    )


def performer_shapes(track: MotionTrack) -> torch.Tensor:
    """The performer's face of every frame without its pose: float32 [T, 478, 3] cm."""
    # the track keeps x and y of the translation; z follows from the skull points
    index, weights = rigid_indices()
    posed = track.scale[:, None, None] * (track.neutral[index] @ track.rotation.transpose(1, 2))
    depth = ((track.face_points[:, index, 2] - posed[..., 2]) * weights).sum(1) / weights.sum()
    translation = torch.cat([track.translation, depth[:, None]], 1)
    shapes = unpose(track.face_points, track.scale, track.rotation, translation)
    return shapes


def expression_delta(shapes, base: Baseline, neutral, resting, strength: Strength, gains: Gains):
    """Expression of every frame against the character's picture in its head space, cm: float32 [T, 478, 3], and how far
    the lids of the right and the left eye are closed against the picture, 0..1: float32 [T, 2].

    neutral, resting: float32 [478, 3], the character as the picture shows it and at rest."""
    played = point_strength(neutral, strength)
    delta = shapes - base.shape
    amplify(delta, resting, gains)
    if not base.from_character:
        delta *= region_ratios(base.shape, resting) * vertex_freedom(resting)
    limit_upper_lip(delta, base.shape, resting)
    delta *= played
    delta += (resting - neutral) * played.clamp(max=1)  # without expression the picture stays as it is
    close_lips(delta, shapes, base.shape, neutral, strength.mouth, gains.mouth_open, resting)
    closed = close_lids(delta, shapes, base.shape, neutral, strength.eyes, gains.eyes)
    join_lips_to_skin(delta, neutral)
    unfold(delta, neutral, open_skin())
    return delta, closed


def amplify(delta: torch.Tensor, character: torch.Tensor, gains: Gains) -> None:
    """Applies the gains of mouth and brows, in place; between them, and on the rest of the face, the usual gain."""
    lips = list(regions.OUTER_LIP_UPPER + regions.OUTER_LIP_LOWER)
    brows = list(regions.RIGHT_BROW + regions.LEFT_BROW)
    near_lips, near_brows = (
        torch.exp(-(torch.cdist(character[:, :2], character[points, :2]).amin(1) / 1.2).square())
        for points in (lips, brows)
    )
    rest = min(EXPRESSION_GAIN, max(gains.mouth_width, gains.brows))
    mouth = rest + near_lips * (gains.mouth_width - rest)
    # corners rise against the middle of the lips; what the whole mouth does is the jaw's and the lip gap's
    middle = delta[:, [0, 17], 1].mean(1, keepdim=True) * near_lips
    delta[..., 1] = middle * rest + (delta[..., 1] - middle) * mouth
    delta[..., 0] *= mouth
    delta[..., 2] *= rest
    delta[..., 1] *= 1 + near_brows * (gains.brows / rest - 1)


def region_ratios(driver: torch.Tensor, character: torch.Tensor) -> torch.Tensor:
    """Size of the character's face over the driver's, per point and axis: float32 [478, 3]."""

    def ratio(measure):
        return (measure(character) / measure(driver).clamp_min(1e-3)).clamp(0.6, 1.7)

    eyes_apart = ratio(lambda p: distance(p, 33, 263))
    face_height = ratio(lambda p: distance(p, regions.FOREHEAD_TOP, regions.CHIN))
    mouth = (ratio(lambda p: distance(p, *regions.MOUTH_CORNERS)) * eyes_apart).sqrt()
    eye = ratio(lambda p: distance(p, 33, 133) + distance(p, 263, 362))
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


def head_rotation(track: MotionTrack, base: Baseline, facing: torch.Tensor, settings: RenderSettings) -> torch.Tensor:
    """Rotation of every frame relative to the character's picture [T, 3, 3], in picture axes.

    'image': the performer's motion from the baseline, about the character's OWN axes: a nod of a head that looks to
    the side goes down along its gaze and does not become a tilt. 'video': the performer's own facing.
    """
    gain = torch.tensor([1.0, 1.0, 1.0] if base.from_character else [HEAD_GAIN, HEAD_GAIN, 1.0])
    if settings.orientation == "image":
        vector = (rotation_vector(base.rotation.T @ track.rotation) * gain) @ facing.T
    else:
        vector = rotation_vector(track.rotation @ facing.T) * gain
    return rotation_matrix(saturate(vector * settings.head_strength, MAX_HEAD_TURN * torch.pi / 180))


def placement(track: MotionTrack, base: Baseline, size: float, neutral: torch.Tensor):
    """scale [T], head shift [T, 2] px, shoulder shift [T, 2] px, relative to the baseline."""
    unit = size / float(base.scale)
    raw = (track.translation - base.translation) * unit
    scale = saturate((track.scale / base.scale).log()[:, None], MAX_HEAD_GROWTH)[:, 0].exp()
    height = float(distance(neutral, regions.FOREHEAD_TOP, regions.CHIN)) * size
    rate = float(track.frame_rate)
    shoulders, seen = track.body[:, [11, 12], :2].mean(1), track.body[:, [11, 12], 3].amin(1)
    if float((seen > 0.6).float().mean()) > 0.8:
        torso = smooth((shoulders - shoulders[base.frame]) * unit, rate, 0.3)
    else:
        torso = smooth(raw, rate, 0.6) * 0.6
    torso = saturate(torso, 0.35 * height)
    neck = saturate(raw - torso, 0.3 * height)
    return scale, saturate(torso + neck, MAX_HEAD_SHIFT * height), torso


def saturate(vector: torch.Tensor, limit: float) -> torch.Tensor:
    """Vectors [T, n] untouched up to 60 % of a length limit, then bent smoothly so that they never exceed it."""
    length = vector.norm(dim=1, keepdim=True).clamp_min(1e-9)
    knee = 0.6 * limit
    over = (length - knee).clamp_min(0)
    bent = torch.minimum(length, torch.tensor(knee)) + (limit - knee) * torch.tanh(over / (limit - knee))
    return vector * (bent / length)
