"""Key points of other programs as tracks: what an authored performance keeps on the way, and what is refused."""

import copy
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from motion_control.engine.capture import Observations, assemble_track
from motion_control.engine.errors import CaptureError, SettingError
from motion_control.engine.exchange import import_track, keypoint_frames
from motion_control.engine.geometry.pose import angles, canonical_face
from motion_control.engine.performance import authored_performance

RATE = Fraction(30)
SIZE = (480, 640)


@pytest.fixture(scope="module", params=[(1.0, 1.0, 1.0), (1.0, 1.05, 0.85)], ids=["canonical", "longer and flatter"])
def played(request):
    """The whole authored performance on a face of 130 px: authored, as captured from its points, and imported."""
    neutral = canonical_face() * torch.tensor(request.param)
    portrait = 7.5 * neutral + torch.tensor([240.0, 110.0, 0.0])
    authored = authored_performance(neutral, portrait, RATE, *SIZE)
    seen = Observations.of_face(authored.face_points, torch.ones(len(authored)))
    captured = assemble_track(seen, authored.times, RATE, *SIZE)
    return authored, captured, import_track(RATE, *SIZE, keypoint_frames(authored))


def test_head_angles_survive(played):
    authored, captured, imported = played
    assert len(imported) == len(authored) and float(imported.face_confidence.min()) > 0.9
    assert float(angles(authored.rotation).abs().amax()) > 15
    exact = import_track(RATE, *SIZE, keypoint_frames(authored), smoothing=0)
    assert float((angles(exact.rotation) - angles(authored.rotation)).abs().max()) < 3
    assert float((angles(imported.rotation) - angles(captured.rotation)).abs().max()) < 3
    assert float((imported.translation - captured.translation).abs().max()) < 3  # px


@pytest.mark.parametrize(
    "name", ["jawOpen", "eyeBlinkRight", "eyeBlinkLeft", "mouthPucker", "mouthSmileLeft", "browOuterUpRight"]
)
def test_expressions_survive(played, name):
    _, captured, imported = played
    column = captured.expression_names.index(name)
    before, after = captured.expression[:, column].numpy(), imported.expression[:, column].numpy()
    assert before.max() > 0.5 and np.corrcoef(before, after)[0, 1] > 0.98
    assert after.max() == pytest.approx(before.max(), rel=0.15)


def test_gaze_survives(played):
    _, captured, imported = played
    for axis in (0, 1):
        before, after = captured.gaze[:, 0, axis].numpy(), imported.gaze[:, 0, axis].numpy()
        assert np.ptp(before) > 0.1 and np.corrcoef(before, after)[0, 1] > 0.95


def test_the_body_and_the_hands_come_back(performed):
    track = import_track(performed.frame_rate, 480, 640, keypoint_frames(performed), smoothing=0)
    joints = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32]
    assert float((track.body[:, joints, :2] - performed.body[:, joints, :2]).abs().max()) < 0.02
    assert float((track.body[:, joints, 3] - 0.9).abs().max()) < 0.002
    assert float(track.body[:, [1, 3, 4, 6], 3].max()) == 0
    assert float((track.hands[..., :2] - performed.hands[..., :2]).abs().max()) < 0.02
    assert float((track.hand_confidence - 0.8).abs().max()) < 0.002
    assert torch.equal(track.body[:, 18, :2], track.hands[:, 0, 17, :2])
    assert float((track.body[:, 10, :2] - performed.face_points[:, 61, :2]).abs().max()) < 0.02
    assert track.subject_box[0].tolist() == pytest.approx([136, 20, 344, 612], abs=30)


def test_shares_of_the_canvas_mean_the_same_as_pixels(performed):
    frames = keypoint_frames(performed)
    shares = copy.deepcopy(frames)
    for frame in shares:
        for person in frame["people"]:
            for name, values in person.items():
                side = [480, 640, 1] * (len(values) // 3)
                person[name] = [value / size for value, size in zip(values, side)]
    pixels = import_track(RATE, 480, 640, frames)
    assert float((import_track(RATE, 480, 640, shares).face_points - pixels.face_points).abs().max()) < 0.01
    doubled = import_track(RATE, 960, 1280, frames)  # detected on smaller pictures than the clip's
    assert float((doubled.body[..., :2] / 2 - pixels.body[..., :2]).abs().max()) < 0.01


def moved(person: dict, dx: float, grow: float = 1.0) -> dict:
    return {
        name: [v * grow + dx if i % 3 == 0 else v * grow if i % 3 == 1 else v for i, v in enumerate(values)]
        for name, values in person.items()
    }


def test_the_subject_is_followed_among_others(performed):
    """A smaller person walks by and, at the end, becomes the larger one; the lists change their order."""
    frames = keypoint_frames(performed)
    alone = import_track(RATE, 480, 640, copy.deepcopy(frames))
    for number, frame in enumerate(frames):
        other = moved(frame["people"][0], 600 - 8 * number, 0.5 if number < 60 else 1.2)
        frame["people"] = [other, *frame["people"]] if number % 2 else [*frame["people"], other]
    crowd = import_track(RATE, 480, 640, frames)
    assert torch.equal(crowd.face_points, alone.face_points) and torch.equal(crowd.body, alone.body)


def test_a_gap_is_a_gap(performed):
    frames = keypoint_frames(performed)
    for number in range(30, 36):
        frames[number]["people"] = []
    track = import_track(RATE, 480, 640, frames)
    assert float(track.face_confidence[30:36].max()) < 0.6 < 0.9 < float(track.face_confidence[29])
    assert float(track.body[30:36, :, 3].max()) == 0
    step = track.face_points.diff(dim=0).norm(dim=2).mean(1)
    assert float(step[28:38].max()) < 3 * float(step.median()) + 2
    without = import_track(RATE, 480, 640, [frames[30], *frames[1:]])
    assert float(without.face_confidence[0]) < 1 and bool(torch.isfinite(without.face_points).all())


def test_a_body_without_a_face_and_other_layouts(performed):
    frames = json.loads(json.dumps(keypoint_frames(performed)))
    for frame in frames:
        (person,) = frame["people"]
        person.update(face_keypoints_2d=None, hand_left_keypoints_2d=[])
        del person["foot_keypoints_2d"], person["hand_right_keypoints_2d"]
        body = np.array(person["pose_keypoints_2d"]).reshape(18, 3)
        with_25 = np.zeros((25, 3))
        with_25[[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]] = body
        with_25[19] = 290, 610, 0.8
        person["pose_keypoints_2d"] = with_25.flatten().tolist()
    track = import_track(RATE, 480, 640, frames)
    assert not track.has_face and float(track.hand_confidence.max()) == 0
    assert float((track.body[:, 28, :2] - performed.body[:, 28, :2]).abs().max()) < 0.05
    assert track.body[0, 31].tolist() == pytest.approx([290, 610, 0, 0.8, 0.8], abs=0.01)


def test_one_frame_and_68_points_without_pupils(performed):
    frame = keypoint_frames(performed)[0]
    (person,) = frame["people"]
    person["face_keypoints_2d"] = person["face_keypoints_2d"][:204]
    track = import_track(RATE, 480, 640, frame)
    assert len(track) == 1 and track.has_face
    eye = track.face_points[0, [33, 133], :2].mean(0)
    assert float((track.face_points[0, 468, :2] - eye).norm()) < 4


def landmarks_of(track, others=()) -> dict:
    """FACE_LANDMARKS as ComfyUI's node makes them; z in px of a crop of 192 px."""
    frames = []
    for points in track.face_points.numpy():
        face = {
            "bbox_xyxy": np.array([*points[:, :2].min(0), *points[:, :2].max(0)]),
            "blendshapes": {},
            "landmarks_xy": points[:, :2].copy(),
            "landmarks_3d": (points - points.mean(0)) * 0.8 + 96,
            "presence": 6.0,
            "score": 0.9,
        }
        frames.append([face, *others])
    return {"frames": frames, "image_size": (track.height, track.width), "connection_sets": {}}


def test_core_s_face_landmarks_become_a_track(performed):
    track = import_track(RATE, 480, 640, face_landmarks=landmarks_of(performed), smoothing=0)
    centred = [points - points.mean(1, keepdim=True) for points in (track.face_points, performed.face_points)]
    assert float((track.face_points - performed.face_points)[..., :2].abs().max()) < 0.05
    assert float((centred[0] - centred[1]).abs().max()) < 0.3
    # relative to the authored pose, which has another neutral face
    assert float((angles(track.rotation) - angles(performed.rotation)).abs().max()) < 3
    both = import_track(RATE, 480, 640, keypoint_frames(performed), landmarks_of(performed), smoothing=0)
    assert torch.equal(both.face_points, track.face_points) and float(both.body[..., 3].max()) > 0.8


def test_a_missing_face_is_a_gap(performed):
    landmarks = landmarks_of(performed)
    landmarks["frames"][10] = []
    track = import_track(RATE, 480, 640, face_landmarks=landmarks)
    assert float(track.face_confidence[10]) < 0.61 and float(track.face_confidence[11]) > 0.99


def bad(frames, **changes) -> list[dict]:
    return [{**frames[0], **changes}]


BAD_KEYPOINTS = {
    "text": lambda frames: "keypoints",
    "none in it": lambda frames: [],
    "no dict": lambda frames: [3],
    "no people": lambda frames: bad(frames, people=3),
    "person": lambda frames: bad(frames, people=["a"]),
    "count": lambda frames: bad(frames, people=[{"pose_keypoints_2d": [1.0] * 50}]),
    "text in it": lambda frames: bad(frames, people=[{"pose_keypoints_2d": ["a"] * 54}]),
    "nan": lambda frames: bad(frames, people=[{"face_keypoints_2d": [float("nan")] * 210}]),
    "huge": lambda frames: bad(frames, people=[{"face_keypoints_2d": [1e30] * 210}]),
    "huge whole number": lambda frames: bad(frames, people=[{"face_keypoints_2d": [10**400] * 210}]),
    "canvas": lambda frames: bad(frames, canvas_width=0),
    "canvas text": lambda frames: bad(frames, canvas_height="640"),
    "crowd": lambda frames: bad(frames, people=[{}] * 1000),
}


@pytest.mark.parametrize("kind", BAD_KEYPOINTS)
def test_what_is_no_pose_keypoint_is_refused_in_one_sentence(performed, kind):
    with pytest.raises(SettingError) as problem:
        import_track(RATE, 480, 640, BAD_KEYPOINTS[kind](keypoint_frames(replace(performed))[:1]))
    text = str(problem.value)
    assert "pose_keypoints" in text and text.endswith(".") and "\n" not in text and len(text) < 240


def face_with(**changes):
    def change(landmarks):
        landmarks["frames"][0][0].update(changes)
        return landmarks

    return change


BAD_LANDMARKS = {
    "a list": lambda landmarks: landmarks["frames"],
    "no size": lambda landmarks: {**landmarks, "image_size": None},
    "size": lambda landmarks: {**landmarks, "image_size": (0, 5)},
    "frame": lambda landmarks: {**landmarks, "frames": [7]},
    "face": lambda landmarks: {**landmarks, "frames": [[7]]},
    "468 points": face_with(landmarks_xy=np.zeros((468, 2))),
    "no points": face_with(landmarks_3d=None),
    "ragged": face_with(landmarks_xy=[[1.0], [1.0, 2.0]]),
    "nan": face_with(landmarks_xy=np.full((478, 2), np.nan)),
    "presence": face_with(presence="yes"),
}


@pytest.mark.parametrize("kind", BAD_LANDMARKS)
def test_what_are_no_face_landmarks_is_refused_in_one_sentence(performed, kind):
    with pytest.raises(SettingError) as problem:
        import_track(RATE, 480, 640, face_landmarks=BAD_LANDMARKS[kind](landmarks_of(performed)))
    text = str(problem.value)
    assert "face_landmarks" in text and text.endswith(".") and "\n" not in text and len(text) < 240


def test_nobody_in_the_key_points(performed):
    frames = [{"canvas_width": 480, "canvas_height": 640, "people": []}] * 5
    with pytest.raises(CaptureError, match="Nobody"):
        import_track(RATE, 480, 640, frames)
    dot = {"canvas_width": 480, "canvas_height": 640, "people": [{"face_keypoints_2d": [5.0, 5.0, 1.0] * 70}]}
    with pytest.raises(CaptureError, match="Nobody"):
        import_track(RATE, 480, 640, [dot] * 5)
    with pytest.raises(SettingError, match="connect one"):
        import_track(RATE, 480, 640)
