"""A track as OpenPose key points: numbers for drawing, and POSE_KEYPOINT frames for other nodes.

Order of the 18 body points: COCO as in OpenPose, with a neck in the middle of the shoulders. A point is x, y px and a
score 0..1; what was not seen is 0, 0, 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types import MotionTrack
from .face68 import FACE70, face_points_70

BODY = (
    "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "RHip", "RKnee", "RAnkle",
    "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar",
)  # fmt: skip
JOINTS = (0, None, 12, 14, 16, 11, 13, 15, 24, 26, 28, 23, 25, 27, 5, 2, 8, 7)
"""The joint of MediaPipe's 33 for each point of BODY; the neck has none."""
SHOULDERS = (11, 12)
FEET = (31, 31, 29, 32, 32, 30)
"""Joints for the left big toe, small toe and heel, then the right ones (COCO-WholeBody); one toe stands for both."""
HEAD_FROM_FACE = {"Nose": 4, "REye": 468, "LEye": 473, "REar": 234, "LEar": 454}
"""Face points that stand for joints of the head which the body network did not see, as in a close-up."""
SEEN = 0.5


@dataclass(frozen=True)
class KeyPoints:
    """x, y px and score of T frames. body: float32 [T, 18, 3]. feet: [T, 6, 3]. face: [T, 70, 3]. hands: [T, 2, 21, 3],
    right hand first."""

    body: torch.Tensor
    feet: torch.Tensor
    face: torch.Tensor
    hands: torch.Tensor


def key_points(track: MotionTrack) -> KeyPoints:
    """All frames of a track."""
    joints = track.body[..., [0, 1, 3]]
    neck = joints[:, SHOULDERS].mean(1)
    neck[:, 2] = joints[:, SHOULDERS, 2].amin(1)
    body = torch.stack([neck if joint is None else joints[:, joint] for joint in JOINTS], 1)
    confidence = track.face_confidence[:, None]
    for name, point in HEAD_FROM_FACE.items():
        place = BODY.index(name)
        unseen = (body[:, place, 2:] < SEEN) & (confidence >= SEEN)
        from_face = torch.cat([track.face_points[:, point, :2], confidence], 1)
        body[:, place] = torch.where(unseen, from_face, body[:, place])
    face = torch.cat([face_points_70(track.face_points)[..., :2], confidence[:, None].expand(-1, len(FACE70), 1)], 2)
    scores = track.hand_confidence[:, :, None, None].expand(-1, -1, track.hands.shape[2], 1)
    hands = torch.cat([track.hands[..., :2], scores], 3)
    parts = (body, joints[:, FEET], face, hands)
    return KeyPoints(*(torch.where(part[..., 2:] > 0, part, torch.zeros(())) for part in parts))


def keypoint_frames(track: MotionTrack) -> list[dict]:
    """The track as a POSE_KEYPOINT: a dict for each frame, with one person and coordinates in px of the reference.

    Hundredths of a pixel and thousandths of a score: as JSON a minute at 30 frames a second takes 5 to 8 MB.
    """
    points = key_points(track)
    parts = {
        "pose_keypoints_2d": _flat(points.body),
        "foot_keypoints_2d": _flat(points.feet),
        "face_keypoints_2d": _flat(points.face),
        "hand_right_keypoints_2d": _flat(points.hands[:, 0]),
        "hand_left_keypoints_2d": _flat(points.hands[:, 1]),
    }
    return [
        {
            "canvas_width": track.width,
            "canvas_height": track.height,
            "people": [{name: rows[i] for name, rows in parts.items()}],
        }
        for i in range(len(track))
    ]


def _flat(points: torch.Tensor) -> list[list[float]]:
    """[T, N, 3] -> T lists x, y, score, x, y, score ..."""
    rounded = torch.cat([(points[..., :2].double() * 100).round() / 100, points[..., 2:].double()], 2)
    rounded[..., 2] = (rounded[..., 2] * 1000).round() / 1000
    return rounded.flatten(1).tolist()
