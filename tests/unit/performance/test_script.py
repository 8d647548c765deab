"""The authored performance: its curves stay within what people do, and frame 0 is the portrait."""

from fractions import Fraction

import numpy as np
import torch

from motion_control.engine.geometry.face_rig import CONTROLS, lip_gap
from motion_control.engine.geometry.pose import angles, canonical_face, head_pose, rotation_matrix, unpose
from motion_control.engine.performance.script import SECONDS, authored_performance, perform

RATE = Fraction(30)
TIMES = np.arange(round(SECONDS * RATE)) / float(RATE)
NEUTRAL = canonical_face()
FACING = rotation_matrix(torch.tensor([[0.1, -0.05, 0.03]]))[0]
PORTRAIT = 12.0 * NEUTRAL @ FACING.T + torch.tensor([250.0, 240.0, 3.0])


def track(seconds: float = SECONDS):
    return authored_performance(NEUTRAL, PORTRAIT, RATE, 576, 640, seconds)


def test_curves_stay_within_limits():
    played = perform(np.arange(0, SECONDS, 0.001))
    assert set(played.controls) <= set(CONTROLS)
    for name, curve in played.controls.items():
        low = -1.2 if "Smile" in name else -0.35 if "gaze" in name else 0.0
        high = 0.35 if "gaze" in name else 1.0
        assert low <= curve.min() and curve.max() <= high, name
    assert np.abs(played.degrees).max(0).tolist() < [22, 12, 12]
    assert np.abs(played.degrees[:, 0]).max() > 18
    assert 0 <= played.effort.min() and played.effort.max() <= 1
    assert 150 < played.pitch.min() and played.pitch.max() < 350


def test_the_head_moves_like_a_head():
    played = perform(np.arange(0, SECONDS, 0.001))
    degrees_per_second = np.abs(np.diff(played.degrees, axis=0)).max(0) / 0.001
    assert degrees_per_second[0] < 140 and degrees_per_second[1:].max() < 180


def test_every_blink_has_a_closed_frame_and_is_short():
    blink = perform(TIMES).controls["eyeBlinkLeft"]
    closed = np.flatnonzero(np.diff(np.concatenate([[0], blink > 0.999, [0]]).astype(int)) == 1)
    assert len(closed) == 5
    fine = perform(np.arange(0, SECONDS, 0.001)).controls["eyeBlinkLeft"]
    assert 0.1 < (fine > 0.5).sum() * 0.001 / len(closed) < 0.2


def test_frame_0_is_the_portrait():
    played = track()
    assert len(played) == 240 and played.anchor == 0 and played.has_face
    torch.testing.assert_close(played.face_points[0, :, :2], PORTRAIT[:, :2], atol=0.01, rtol=0)
    torch.testing.assert_close(played.rotation[0], FACING, atol=1e-4, rtol=0)


def test_points_agree_with_the_pose_that_the_track_states():
    played = track()
    scale, rotation, translation = head_pose(played.face_points, NEUTRAL)
    apart = angles(rotation @ played.rotation.transpose(1, 2)).abs().max()
    assert float(apart) < 2.0  # brows and lids pull a little at the skull points
    assert float((scale / played.scale - 1).abs().max()) < 0.02
    assert float((translation[:, :2] - played.translation).abs().max()) < 3.0


def test_turns_are_the_scripts_in_the_packs_convention():
    played = track()
    found = angles(played.rotation @ FACING.T).numpy()
    np.testing.assert_allclose(found, perform(TIMES).degrees, atol=0.01)


def test_lips_are_closed_at_rest_and_for_m_and_open_for_a():
    played = track()
    flat = torch.cat([played.translation, torch.zeros(len(played), 1)], 1)
    gap = lip_gap(unpose(played.face_points, played.scale, played.rotation, flat))
    for moment in (0.9, 3.5, 4.27, 4.33, 5.5):
        assert float(gap[round(moment * 30)]) < 0.02, moment
    for moment in (3.7, 4.1, 4.5, 7.1):
        assert float(gap[round(moment * 30)]) > 1.2, moment


def test_a_part_is_the_beginning():
    part, whole = track(0.5), track()
    assert len(part) == 15
    torch.testing.assert_close(part.face_points, whole.face_points[:15])
