"""POSE_KEYPOINT and the 68 face points: orders, sides and what was not seen."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.exchange import face_points_70, keypoint_frames
from motion_control.engine.exchange.face68 import FACE68, JAW
from motion_control.engine.geometry.pose import canonical_face


def points_of(person: dict, name: str) -> torch.Tensor:
    return torch.tensor(person[name]).view(-1, 3)


def test_the_68_points_have_the_annotation_s_order():
    face = face_points_70(canonical_face())
    assert face.shape == (70, 3) and len(set(FACE68)) == 68
    x, y = face[:, 0], face[:, 1]
    assert bool((x[:17].diff() > 0).all()) and int(y[:17].argmax()) == 8  # the jaw, and the chin in its middle
    assert bool((x[17:27].diff() > 0).all()) and bool((y[27:31].diff() > 0).all()) and bool((x[31:36].diff() > 0).all())
    for first in (36, 42):  # eyes: corner, upper lid, corner, lower lid
        eye = face[first : first + 6]
        assert x[first] < eye[1, 0] < eye[2, 0] < eye[3, 0] and eye[1, 1] < eye[5, 1] and eye[2, 1] < eye[4, 1]
    assert x[48] < x[51] < x[54] and y[51] < y[57] and y[62] < y[66] and x[60] < x[62] < x[64]
    assert x[68] < 0 < x[69]  # the right pupil is at the left of the picture
    mirror = face[[*range(16, -1, -1)], 0] + face[:17, 0]
    assert float(mirror.abs().max()) < 1e-4 and JAW[8] == 152


def test_a_frame_has_the_key_points_of_openpose(performed):
    frames = keypoint_frames(performed)
    assert len(frames) == len(performed) and frames[0]["canvas_width"] == 480 and frames[0]["canvas_height"] == 640
    (person,) = frames[7]["people"]
    body = points_of(person, "pose_keypoints_2d")
    joints = performed.body[7]
    assert body.shape == (18, 3)
    for place, joint in {0: 0, 2: 12, 4: 16, 5: 11, 8: 24, 13: 27, 14: 5, 15: 2, 16: 8, 17: 7}.items():
        assert body[place].tolist() == pytest.approx([*joints[joint, :2].tolist(), 0.9], abs=0.006)
    assert body[1].tolist() == pytest.approx([240, 190, 0.9], abs=0.006)
    assert points_of(person, "face_keypoints_2d").shape == (70, 3)
    tip = points_of(person, "face_keypoints_2d")[30]
    assert tip.tolist() == pytest.approx([*performed.face_points[7, 4, :2].tolist(), 1.0], abs=0.006)
    right = points_of(person, "hand_right_keypoints_2d")
    assert right.shape == (21, 3) and right[0, :2].tolist() == pytest.approx(joints[16, :2].tolist(), abs=0.006)
    assert points_of(person, "foot_keypoints_2d")[:, 0].tolist() == [292, 292, 282, 188, 188, 198]


def test_what_is_not_seen_is_zero_and_a_close_up_has_a_head(performed):
    track = replace(performed, body=torch.zeros_like(performed.body), hand_confidence=torch.zeros(80, 2))
    confidence = torch.ones(80)
    confidence[5] = 0
    (person,) = keypoint_frames(replace(track, face_confidence=confidence))[5]["people"]
    assert all(not any(person[name]) for name in person)
    (person,) = keypoint_frames(track)[6]["people"]
    body = points_of(person, "pose_keypoints_2d")
    assert body[:, 2].nonzero()[:, 0].tolist() == [0, 14, 15, 16, 17]
    assert body[14, 0] < body[0, 0] < body[15, 0]
