"""From raw observations to a MotionTrack: gaps filled, neutral and anchor found, pose and expression smoothed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import torch

from ..geometry import face_regions as regions
from ..geometry.pose import head_pose, rotation_matrix, unpose
from ..geometry.series import fill_gaps, gap_age, smooth, smooth_adaptive
from ..tracks import blank_track
from ..types import BODY_JOINTS, FACE_PARTS, HAND_JOINTS, MotionTrack
from .expression import NAMES, coefficients, gaze
from .infill import fill_hidden
from .neutral import find_neutral
from .occlusion import visibility

POSE_WINDOWS_S = (0.20, 0.50)
SHAPE_WINDOWS_S = (0.20, 0.40)
FAST_WINDOWS_S = (0.10, 0.24)
"""Savitzky-Golay windows at smoothing 0.5 while moving and while resting: head pose, face shape, lips and lids (which
must keep their peaks)."""
SMALL_FACE_PX = 160
"""Landmarks of faces under this height are noisier in proportion: windows grow, at most to twice."""
HOLD_S = 0.5
"""Gaps up to this long are bridged at falling confidence; beyond, confidence is 0 and the last face is held."""


@dataclass(frozen=True)
class Observations:
    """What the networks saw, T frames. face: float32 [T, 478, 3] px; face_seen: float32 [T] presence 0..1;
    body: float32 [T, 33, 5]; body_world: float32 [T, 33, 3]; hands: float32 [T, 2, 21, 3]; hands_seen: [T, 2];
    skin: uint8 [T, K, 3] of `occlusion.skin_colours`, None = nothing is known about occlusion."""

    face: torch.Tensor
    face_seen: torch.Tensor
    body: torch.Tensor
    body_world: torch.Tensor
    hands: torch.Tensor
    hands_seen: torch.Tensor
    skin: torch.Tensor | None = None

    @staticmethod
    def of_face(face: torch.Tensor, seen: torch.Tensor) -> Observations:
        count = len(face)
        return Observations(
            face,
            seen,
            torch.zeros(count, BODY_JOINTS, 5),
            torch.zeros(count, BODY_JOINTS, 3),
            torch.zeros(count, 2, HAND_JOINTS, 3),
            torch.zeros(count, 2),
        )


def assemble_track(
    seen: Observations, times: torch.Tensor, frame_rate: Fraction, width: int, height: int, smoothing: float = 0.5
) -> MotionTrack:
    """smoothing: 0 (none) .. 1 (twice the windows of 0.5)."""
    rate = float(frame_rate)
    known = seen.face_seen > 0.5
    if not bool(known.any()):
        return _without_face(seen, times, frame_rate, width, height)
    points = fill_gaps(seen.face, known)
    age = gap_age(known, rate)
    confidence = torch.where(known, seen.face_seen, 0.6 * (1 - age / HOLD_S).clamp(0, 1))
    visible = _visibility(seen, rate, width, height)
    points = fill_hidden(points, visible, known, rate)
    neutral = find_neutral(points, known)
    amount = 2 * smoothing * _noise_factor(points)
    scale, rotation, translation = _smooth_pose(*head_pose(points, neutral.shape), rate, amount)
    shapes = unpose(points, *head_pose(points, neutral.shape))
    shapes = _smooth_shape(shapes, rate, amount)
    points = scale[:, None, None] * (shapes @ rotation.transpose(1, 2)) + translation[:, None]
    return replace(
        blank_track(times, frame_rate, width, height),
        face_points=points,
        face_confidence=confidence,
        neutral=neutral.shape,
        rotation=rotation,
        scale=scale,
        translation=translation[:, :2],
        gaze=smooth_adaptive(gaze(shapes, neutral.shape), rate, *(window * amount for window in FAST_WINDOWS_S)),
        expression=coefficients(shapes, neutral.shape),
        expression_names=NAMES,
        anchor=neutral.anchor,
        subject_box=_boxes(points, seen.body),
        face_visibility=torch.minimum(visible, confidence[:, None]),
        **_body_and_hands(seen, rate, 2 * smoothing),
    )


def _visibility(seen: Observations, rate: float, width: int, height: int) -> torch.Tensor:
    if seen.skin is None:
        return (seen.face_seen > 0.5).float()[:, None].repeat(1, len(FACE_PARTS))
    hands = {"hands": seen.hands, "hands_seen": seen.hands_seen}
    return visibility(seen.skin, seen.face, seen.face_seen, rate, width, height, **hands)


def _smooth_pose(scale, rotation, translation, rate, amount):
    from scipy.spatial.transform import Rotation

    windows = [window * amount for window in POSE_WINDOWS_S]
    # unwrapped quaternions, normalised after smoothing: exact enough for neighbouring frames
    quaternion = torch.from_numpy(Rotation.from_matrix(rotation.double().numpy()).as_quat())
    flips = torch.where((quaternion[1:] * quaternion[:-1]).sum(1) < 0, -1.0, 1.0).cumprod(0)
    quaternion[1:] *= flips[:, None]
    vector = Rotation.from_quat(smooth_adaptive(quaternion, rate, *windows).numpy()).as_rotvec()
    rotation = rotation_matrix(torch.from_numpy(vector).float())
    scale = smooth_adaptive(scale.log()[:, None], rate, *windows)[:, 0].exp()
    return scale, rotation, smooth_adaptive(translation, rate, *windows)


def _smooth_shape(shapes, rate, amount):
    """Lips and lids get short windows, the rest longer ones."""
    fast = list(regions.INNER_LIP_UPPER + regions.INNER_LIP_LOWER)
    for upper, lower in regions.EYES:
        fast += upper + lower
    out = smooth_adaptive(shapes, rate, *(window * amount for window in SHAPE_WINDOWS_S))
    out[:, fast] = smooth_adaptive(shapes[:, fast], rate, *(window * amount for window in FAST_WINDOWS_S))
    return out


def _noise_factor(points: torch.Tensor) -> float:
    height = float((points[:, :468, 1].amax(1) - points[:, :468, 1].amin(1)).median())
    return min(2.0, max(1.0, SMALL_FACE_PX / max(height, 1.0)))


def _boxes(points: torch.Tensor | None, body: torch.Tensor) -> torch.Tensor:
    """x0, y0, x1, y1 px around the face and the visible joints: [T, 4]."""
    visible = body[..., 3:4] > 0.5
    low = torch.where(visible, body[..., :2], torch.inf).amin(1)
    high = torch.where(visible, body[..., :2], -torch.inf).amax(1)
    if points is not None:
        low = torch.minimum(low, points[..., :2].amin(1))
        high = torch.maximum(high, points[..., :2].amax(1))
    box = torch.cat([low, high], 1)
    return torch.where(torch.isfinite(box), box, torch.zeros(()))


def _without_face(seen, times, frame_rate, width, height) -> MotionTrack:
    """A body without a face: head motion is neutral and its confidence 0."""
    return replace(
        blank_track(times, frame_rate, width, height),
        expression=torch.zeros(len(times), len(NAMES)),
        expression_names=NAMES,
        subject_box=_boxes(None, seen.body),
        **_body_and_hands(seen, float(frame_rate), 1.0),
    )


def _body_and_hands(seen: Observations, rate: float, amount: float) -> dict:
    body = seen.body.clone()
    body[..., :3] = smooth(seen.body[..., :3], rate, POSE_WINDOWS_S[0] * amount)
    return {"body": body, "body_world": seen.body_world, "hands": seen.hands, "hand_confidence": seen.hands_seen}
