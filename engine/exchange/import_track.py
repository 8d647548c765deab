"""A MotionTrack from what other nodes detected: POSE_KEYPOINT, FACE_LANDMARKS, or both."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch

from ..capture import Observations, assemble_track, check_track
from ..errors import CaptureError, SettingError
from ..geometry.series import fill_gaps
from ..types import BODY_JOINTS, FACE_POINTS, HAND_JOINTS, Clip, MotionTrack
from . import keypoint_input, landmark_input
from .fit_face import fit_face
from .openpose import FEET, JOINTS

FACE_SHARE = 0.7
"""Of the 68 points that must be seen for a face; the rest is filled in from the frames around."""
SMALLEST_FACE = 4.0
"""px. Points that lie closer together are no face."""
HAND_SHARE = 0.5
# Joints of MediaPipe's 33 that are points of the hand's 21 (little finger, index, thumb) and of the face's 68.
_HAND_JOINTS = {"right": {18: 17, 20: 5, 22: 2}, "left": {17: 17, 19: 5, 21: 2}}
_FACE_JOINTS = {9: 54, 10: 48}
_EYE_STARTS = (36, 42)


def import_for_clip(clip: Clip, pose_keypoints=None, face_landmarks=None, smoothing: float = 0.5) -> MotionTrack:
    """The track of a clip from detections made on its frames, with the checks of `capture`.

    Raises SettingError when there is not one entry for each frame of the clip.
    """
    for name, value in ((keypoint_input.NAME, pose_keypoints), (landmark_input.NAME, face_landmarks)):
        frames = value.get("frames", value) if isinstance(value, dict) else value
        count = len(frames) if isinstance(frames, (list, tuple)) else None
        if count is not None and count != clip.frame_count:
            raise SettingError(
                f"{name} has {count} frames and the clip {clip.frame_count}; detect on the frames of the same clip, "
                "with the same start_time, duration and force_rate."
            )
    track = import_track(clip.frame_rate, clip.width, clip.height, pose_keypoints, face_landmarks, smoothing=smoothing)
    return track.with_report(checks=[check.line() for check in check_track(track, clip)])


def import_track(
    frame_rate: Fraction, width: int, height: int, pose_keypoints=None, face_landmarks=None, smoothing: float = 0.5
) -> MotionTrack:
    """pose_keypoints: POSE_KEYPOINT (see `keypoint_input`); its body, hands and, without face_landmarks, its face.
    face_landmarks: FACE_LANDMARKS (see `landmark_input`). width, height: px of the reference.

    Raises SettingError for what is neither, CaptureError when nobody is in it.
    """
    rate = float(frame_rate)
    if pose_keypoints is None and face_landmarks is None:
        raise SettingError("neither pose_keypoints nor face_landmarks is connected; connect one of them.")
    if pose_keypoints is not None:
        seen = _from_keypoints(
            keypoint_input.read_keypoints(pose_keypoints, rate, width, height), face_landmarks is None
        )
    if face_landmarks is not None:
        face, presence = (
            torch.from_numpy(v) for v in landmark_input.read_landmarks(face_landmarks, rate, width, height)
        )
        only_face = Observations.of_face(face, presence)
        seen = only_face if pose_keypoints is None else _joined(only_face, seen)
    if not bool((seen.face_seen > 0.5).any()) and not bool((seen.body[..., 3] > 0.5).any()):
        raise CaptureError(
            "Nobody was found in the connected key points; detect on a clip in which a person is visible."
        )
    times = torch.arange(len(seen.face_seen), dtype=torch.float64) / rate
    track = assemble_track(seen, times, frame_rate, width, height, smoothing)
    return track.with_report(source=" and ".join(_sources(pose_keypoints, face_landmarks)))


def _sources(pose_keypoints, face_landmarks) -> list[str]:
    named = ((keypoint_input.NAME, pose_keypoints), (landmark_input.NAME, face_landmarks))
    return [name for name, value in named if value is not None]


def _joined(face: Observations, body: Observations) -> Observations:
    if len(face.face_seen) != len(body.face_seen):
        raise SettingError(
            f"face_landmarks has {len(face.face_seen)} frames and pose_keypoints {len(body.face_seen)}; detect both on "
            "the same frames."
        )
    return Observations(
        face=face.face,
        face_seen=face.face_seen,
        body=body.body,
        body_world=body.body_world,
        body_read=body.body_read,
        hands=body.hands,
        hands_seen=body.hands_seen,
        hands_read=body.hands_read,
    )


def _from_keypoints(points: dict[str, np.ndarray], with_face: bool) -> Observations:
    parts = {name: torch.from_numpy(value).float() for name, value in points.items()}
    count = len(parts["body"])
    face, seen = _face(parts["face"]) if with_face else (torch.zeros(count, FACE_POINTS, 3), torch.zeros(count))
    hands = torch.zeros(count, 2, HAND_JOINTS, 3)
    hands_seen = torch.zeros(count, 2)
    for side, name in enumerate(("right", "left")):
        scores = parts[name][..., 2]
        hands[:, side, :, :2] = _filled(parts[name])
        enough = (scores >= keypoint_input.SEEN).float().mean(1) >= HAND_SHARE
        hands_seen[:, side] = torch.where(enough, scores.mean(1), torch.zeros(()))
    body = _body(parts)
    return Observations(
        face=face,
        face_seen=seen,
        body=body,
        body_world=torch.zeros(count, BODY_JOINTS, 3),
        body_read=torch.ones(count, dtype=torch.bool),  # a frame without a body is one in which it is not seen
        hands=hands,
        hands_seen=hands_seen,
        hands_read=torch.ones(count, dtype=torch.bool),
    )


def _body(parts: dict[str, torch.Tensor]) -> torch.Tensor:
    """[T, 33, 5]: joints that these key points do not have are at visibility 0. Depth is not known and 0."""
    body = torch.zeros(len(parts["body"]), BODY_JOINTS, 5)
    sources = {joint: ("body", place) for place, joint in enumerate(JOINTS) if joint is not None}
    sources |= {joint: ("feet", place) for place, joint in reversed(list(enumerate(FEET)))}
    sources |= {joint: (side, place) for side, joints in _HAND_JOINTS.items() for joint, place in joints.items()}
    if bool(_face_known(parts["face"]).any()):
        sources |= {joint: ("face", place) for joint, place in _FACE_JOINTS.items()}
    for joint, (name, place) in sources.items():
        point = parts[name][:, place : place + 1]
        body[:, joint, :2] = _filled(point)[:, 0]
        body[:, joint, 3:] = point[:, 0, 2:]
    return body


def _face(face: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[T, 70, 3] with scores -> [T, 478, 3] px and presence [T]."""
    known, scores = _face_known(face), face[:, :68, 2]
    points, seen = torch.zeros(len(face), FACE_POINTS, 3), torch.zeros(len(face))
    if not bool(known.any()):
        return points, seen
    used = face[known]
    flat = _filled(used)
    for pupil, start in enumerate(_EYE_STARTS):
        missing = used[:, 68 + pupil, 2] < keypoint_input.SEEN
        middle = flat[:, start : start + 6].mean(1)
        flat[:, 68 + pupil] = torch.where(missing[:, None], middle, flat[:, 68 + pupil])
    points[known] = fit_face(flat)
    # a face that is seen counts as one, however modest the detector's scores are
    seen[known] = 0.6 + 0.4 * scores[known].mean(1)
    return points, seen


def _face_known(face: torch.Tensor) -> torch.Tensor:
    """bool [T]: enough of the 68 points were seen, and they are not all in one place."""
    share = (face[:, :68, 2] >= keypoint_input.SEEN).float().mean(1)
    size = (face[:, :68, :2].amax(1) - face[:, :68, :2].amin(1)).amin(1)
    return (share >= FACE_SHARE) & (size >= SMALLEST_FACE)


def _filled(points: torch.Tensor) -> torch.Tensor:
    """x, y [T, N, 2] of points [T, N, 3]; places of score below SEEN come from the frames around, or stay."""
    flat = points[..., :2].clone()
    known = points[..., 2] >= keypoint_input.SEEN
    for place in range(points.shape[1]):
        here = known[:, place]
        if bool(here.any()) and not bool(here.all()):
            flat[:, place] = fill_gaps(flat[:, place], here)
    return flat
