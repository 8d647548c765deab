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
from .cuts import per_shot, shots
from .expression import NAMES, coefficients, gaze
from .infill import fill_hidden
from .neutral import find_neutral
from .occlusion import visibility

POSE_WINDOWS_S = (0.28, 0.70)
SHAPE_WINDOWS_S = (0.26, 0.60)
FAST_WINDOWS_S = (0.10, 0.24)
"""Savitzky-Golay windows at smoothing 0.5 while moving and while resting: head pose, face shape, lips and lids (which
must keep their peaks)."""
HAND_WINDOWS_S = (0.10, 0.24)
"""The same for hands, which are quick and small."""
SMALL_FACE_PX = 160
MOST_NOISE = 1.4
"""Landmarks of faces under this height are noisier in proportion: windows grow, at most by this factor."""
HOLD_S = 0.5
"""Gaps up to this long are bridged at falling confidence; beyond, confidence is 0 and the last face is held."""
HAND_GAP_S = 0.3
"""A hand that is seen again within this time was there in between."""
BRIDGED = 0.6
"""Confidence of what was looked for, not seen and bridged: the most that a face in a gap has, and a hand's."""


@dataclass(frozen=True)
class Observations:
    """What the networks saw, T frames. face: float32 [T, 478, 3] px; face_seen: float32 [T] presence 0..1;
    body: float32 [T, 33, 5]; body_world: float32 [T, 33, 3]; body_read: bool [T], frames in which a body was seen;
    hands: float32 [T, 2, 21, 3] px, right first; hands_seen: float32 [T, 2] presence 0..1; hands_read: bool [T], frames
    in which hands were looked for; cuts: first frame of every shot but the first; skin: uint8 [T, K, 3] of
    `occlusion.skin_colours`, None = nothing is known about occlusion."""

    face: torch.Tensor
    face_seen: torch.Tensor
    body: torch.Tensor
    body_world: torch.Tensor
    body_read: torch.Tensor
    hands: torch.Tensor
    hands_seen: torch.Tensor
    hands_read: torch.Tensor
    cuts: tuple[int, ...] = ()
    skin: torch.Tensor | None = None

    @staticmethod
    def of_face(face: torch.Tensor, seen: torch.Tensor, cuts: tuple[int, ...] = ()) -> Observations:
        count = len(face)
        nothing = torch.zeros(count, dtype=torch.bool)
        return Observations(
            face,
            seen,
            torch.zeros(count, BODY_JOINTS, 5),
            torch.zeros(count, BODY_JOINTS, 3),
            nothing,
            torch.zeros(count, 2, HAND_JOINTS, 3),
            torch.zeros(count, 2),
            nothing,
            cuts,
        )


def assemble_track(
    seen: Observations, times: torch.Tensor, frame_rate: Fraction, width: int, height: int, smoothing: float = 0.5
) -> MotionTrack:
    """smoothing: 0 (none) .. 1 (twice the windows of 0.5). Nothing is smoothed or filled across a cut."""
    rate = float(frame_rate)
    known = seen.face_seen > 0.5
    body_and_hands = _body_and_hands(seen, rate, 2 * smoothing)
    if not bool(known.any()):
        return _without_face(times, frame_rate, width, height, seen.cuts, body_and_hands)
    points = _fill_face(seen.face, known, seen.cuts)
    age = per_shot(lambda part: gap_age(part, rate), seen.cuts, known)
    confidence = torch.where(known, seen.face_seen, BRIDGED * (1 - age / HOLD_S).clamp(0, 1))
    visible = _visibility(seen, body_and_hands, rate, width, height)
    points = fill_hidden(points, visible, known, rate, seen.cuts)
    neutral = find_neutral(points, known)
    amount = 2 * smoothing * _noise_factor(points)
    steady = _Steady(rate, amount, seen.cuts)
    scale, rotation, translation = _smooth_pose(*head_pose(points, neutral.shape), steady)
    shapes = unpose(points, *head_pose(points, neutral.shape))
    shapes = _smooth_shape(shapes, steady)
    points = scale[:, None, None] * (shapes @ rotation.transpose(1, 2)) + translation[:, None]
    return replace(
        blank_track(times, frame_rate, width, height),
        face_points=points,
        face_confidence=confidence,
        neutral=neutral.shape,
        rotation=rotation,
        scale=scale,
        translation=translation[:, :2],
        gaze=steady(gaze(shapes, neutral.shape), FAST_WINDOWS_S),
        expression=coefficients(shapes, neutral.shape),
        expression_names=NAMES,
        anchor=neutral.anchor,
        subject_box=_boxes(points, body_and_hands["body"]),
        cuts=seen.cuts,
        face_visibility=torch.minimum(visible, confidence[:, None]),
        **body_and_hands,
    )


def _visibility(seen: Observations, body_and_hands: dict, rate: float, width: int, height: int) -> torch.Tensor:
    if seen.skin is None:
        return (seen.face_seen > 0.5).float()[:, None].repeat(1, len(FACE_PARTS))
    hands = {"hands": body_and_hands["hands"], "hands_seen": body_and_hands["hand_confidence"]}
    return visibility(seen.skin, seen.face, seen.face_seen, rate, width, height, cuts=seen.cuts, **hands)


@dataclass(frozen=True)
class _Steady:
    """Smooths a series shot by shot: windows in seconds, made `amount` times as long."""

    rate: float
    amount: float
    cuts: tuple[int, ...]

    def __call__(self, values: torch.Tensor, windows: tuple[float, float]) -> torch.Tensor:
        short, long = (window * self.amount for window in windows)
        return per_shot(lambda part: smooth_adaptive(part, self.rate, short, long), self.cuts, values)


def _smooth_pose(scale, rotation, translation, steady: _Steady):
    from scipy.spatial.transform import Rotation

    # unwrapped quaternions, normalised after smoothing: exact enough for neighbouring frames
    quaternion = torch.from_numpy(Rotation.from_matrix(rotation.double().numpy()).as_quat())
    flips = torch.where((quaternion[1:] * quaternion[:-1]).sum(1) < 0, -1.0, 1.0).cumprod(0)
    quaternion[1:] *= flips[:, None]
    vector = Rotation.from_quat(steady(quaternion, POSE_WINDOWS_S).numpy()).as_rotvec()
    rotation = rotation_matrix(torch.from_numpy(vector).float())
    scale = steady(scale.log()[:, None], POSE_WINDOWS_S)[:, 0].exp()
    return scale, rotation, steady(translation, POSE_WINDOWS_S)


def _smooth_shape(shapes, steady: _Steady):
    """Lips and lids get short windows, the rest longer ones."""
    fast = list(regions.INNER_LIP_UPPER + regions.INNER_LIP_LOWER)
    for upper, lower in regions.EYES:
        fast += upper + lower
    out = steady(shapes, SHAPE_WINDOWS_S)
    out[:, fast] = steady(shapes[:, fast], FAST_WINDOWS_S)
    return out


def _fill_face(points: torch.Tensor, known: torch.Tensor, cuts: tuple[int, ...]) -> torch.Tensor:
    """Gaps filled shot by shot; a shot without any face holds the last one before it, else the first one after."""
    out, first = [], int(known.nonzero()[0])
    last = points[first]
    for shot in shots(len(points), cuts):
        here = known[shot]
        part = fill_gaps(points[shot], here) if bool(here.any()) else last.expand(points[shot].shape)
        out.append(part)
        last = part[-1]
    return torch.cat(out)


def _noise_factor(points: torch.Tensor) -> float:
    height = float((points[:, :468, 1].amax(1) - points[:, :468, 1].amin(1)).median())
    return min(MOST_NOISE, max(1.0, SMALL_FACE_PX / max(height, 1.0)))


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


def _without_face(times, frame_rate, width, height, cuts, body_and_hands) -> MotionTrack:
    """A body without a face: head motion is neutral and its confidence 0."""
    return replace(
        blank_track(times, frame_rate, width, height),
        expression=torch.zeros(len(times), len(NAMES)),
        expression_names=NAMES,
        subject_box=_boxes(None, body_and_hands["body"]),
        cuts=cuts,
        **body_and_hands,
    )


def _body_and_hands(seen: Observations, rate: float, amount: float) -> dict:
    def between(values, read):
        return fill_gaps(values, read) if bool(read.any()) else values

    body = per_shot(between, seen.cuts, seen.body, seen.body_read)
    places = per_shot(lambda part: smooth(part, rate, POSE_WINDOWS_S[0] * amount), seen.cuts, body[..., :3])
    hands, confidence = _fill_hands(seen, rate)
    return {
        "body": torch.cat([places, body[..., 3:]], 2),
        "body_world": per_shot(between, seen.cuts, seen.body_world, seen.body_read),
        "hands": _Steady(rate, amount, seen.cuts)(hands, HAND_WINDOWS_S),
        "hand_confidence": confidence,
    }


def _fill_hands(seen: Observations, rate: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Hands between the frames that were read and over short gaps; longer ones hold the nearest hand at confidence 0.

    Returns points [T, 2, 21, 3] and confidence [T, 2].
    """
    points, confidence = seen.hands.clone(), torch.zeros_like(seen.hands_seen)
    for shot in shots(len(points), seen.cuts):
        read = seen.hands_read[shot]
        for side in (0, 1):
            presence = seen.hands_seen[shot, side]
            known = read & (presence >= 0.5)
            frames = known.nonzero()[:, 0]
            if not len(frames):
                continue
            points[shot, side] = fill_gaps(points[shot, side], known)
            sure = torch.where(known, presence, torch.zeros(()))
            for first, stop in zip(frames[:-1].tolist(), frames[1:].tolist(), strict=True):
                if stop - first > 1 and (stop - first) / rate <= HAND_GAP_S:
                    missed = bool(read[first + 1 : stop].any())
                    sure[first + 1 : stop] = BRIDGED if missed else presence[[first, stop]].amin()
            # the last read may lie some frames before the end of the shot, because not every frame is read
            tail = int(frames[-1]) + 1
            if not bool(read[tail:].any()) and (len(read) - tail) / rate <= HAND_GAP_S:
                sure[tail:] = presence[tail - 1]
            confidence[shot, side] = sure
    return points, confidence
