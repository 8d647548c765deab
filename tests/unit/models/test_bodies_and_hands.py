import math

import pytest
import torch

from motion_control.models import bodies, hands

JOINTS = {name: index for index, name in enumerate(bodies.JOINTS)}


@pytest.mark.parametrize("name", ["collins", "hopper"])
def test_joints_are_those_of_mediapipe(pictures, record, sampled_as_mediapipe, name):
    picture = pictures[name]
    box = bodies.detect_bodies(picture)[0][0]
    roi = bodies.roi_from_detection(box)
    body = bodies.body_landmarks(picture, roi[None], with_mask=True)
    visible = torch.from_numpy(record[f"{name}/body_visibility"]) > 0.5
    theirs = torch.from_numpy(record[f"{name}/body"])
    distance = (body.points[0] - theirs)[visible, :2].norm(dim=1)
    assert distance.mean() / (float(roi[2]) / bodies.LANDMARK_SIZE) < 1.0
    world = (body.world[0] - torch.from_numpy(record[f"{name}/body_world"]))[visible].norm(dim=1)
    assert world.mean() < 0.04
    assert (body.visibility[0] - torch.from_numpy(record[f"{name}/body_visibility"])).abs().max() < 0.1
    assert body.presence > 0.9
    assert body.mask.shape == picture.shape[:3]
    x, y = (int(c) for c in box.centre)
    assert body.mask[0, y, x] > 0.9


def test_left_is_the_subjects_left(pictures):
    picture = pictures["hopper"]
    body = bodies.body_landmarks(picture, bodies.roi_from_detection(bodies.detect_bodies(picture)[0][0])[None])
    points = body.points[0]
    assert points[JOINTS["left_shoulder"], 0] > points[JOINTS["right_shoulder"], 0]
    assert points[JOINTS["left_eye"], 0] > points[JOINTS["right_eye"], 0]


def test_the_next_region_follows_a_leaning_body():
    """Region from the auxiliary points: centred on the hips, upright along hips -> top."""
    angle = 0.7
    auxiliary = torch.tensor([[[100.0, 80.0, 0.0], [100 + 50 * math.sin(angle), 80 - 50 * math.cos(angle), 0.0]]])
    empty = torch.zeros(1)
    body = bodies.BodyLandmarks(empty, empty, empty, empty, empty, auxiliary)
    want = torch.tensor([[100.0, 80.0, 125.0, 125.0, angle]])
    torch.testing.assert_close(bodies.roi_from_landmarks(body), want, atol=1e-3, rtol=0)


def test_hand_regions():
    """An upright hand: wrist at (50, 90), knuckles at y = 60."""
    keypoints = torch.tensor([[50.0, 90], [40, 60], [50, 60], [55, 60], [60, 62], [42, 85], [38, 75]])
    palm = hands.PalmBox((50.0, 75.0), 30.0, 30.0, 0.0, 1.0, keypoints)
    torch.testing.assert_close(hands.roi_from_detection(palm), torch.tensor([50.0, 60.0, 78.0, 78.0, 0.0]))
    points = torch.zeros(1, 21, 3)
    points[0, :, 0] = 50
    points[0, :, 1] = 60
    points[0, 0] = torch.tensor([50.0, 90.0, 0.0])
    points[0, 5, 0], points[0, 17, 0] = 40.0, 60.0
    points[0, 13, 0] = 60.0
    roi = hands.roi_from_landmarks(points)[0]
    torch.testing.assert_close(roi, torch.tensor([50.0, 72.0, 60.0, 60.0, 0.0]), atol=1e-3, rtol=0)


def test_hand_points_turn_with_the_region(pictures):
    picture = pictures["collins"]
    roi = torch.tensor([[200.0, 200.0, 150.0, 150.0, 0.3]])
    hand = hands.hand_landmarks(picture, roi)
    assert hand.points.shape == (1, 21, 3)
    assert hand.world.shape == (1, 21, 3)
    assert 0 <= float(hand.presence) <= 1
    assert 0 <= float(hand.right) <= 1
    # Picture pixels and metres differ by a scale and an offset only, whatever the turn.
    flat, metres = hand.points[0, :, :2], hand.world[0, :, :2]
    flat, metres = flat - flat.mean(0), metres - metres.mean(0)
    turn = (flat[:, 0] * metres[:, 1] - flat[:, 1] * metres[:, 0]).sum() / (flat * metres).sum()
    assert abs(math.atan(float(turn))) < 0.35


def test_empty_batches(pictures):
    picture, rois = pictures["hopper"][:0], torch.zeros(0, 5)
    assert bodies.body_landmarks(picture, rois).points.shape == (0, 33, 3)
    assert hands.hand_landmarks(picture, rois).points.shape == (0, 21, 3)
    assert hands.detect_palms(picture) == []
