"""assemble_track: from face points to a performance, on faces that were acted with known amounts."""

import pytest
import torch

from motion_control.engine.capture import check_track
from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.pose import angles, canonical_face


@pytest.fixture(scope="module")
def face(acting):
    """A face at rest, cm, which is nobody's template: wider than the canonical one, lips together."""
    return acting.lips_shut(canonical_face() * torch.tensor([1.1, 1.0, 1.0]))


def coefficient(track, name):
    return track.expression[:, track.expression_names.index(name)]


def test_the_anchor_is_a_calm_frame_when_the_clip_begins_with_an_open_mouth(face, acting):
    amount = torch.zeros(acting.frames)
    amount[:12] = torch.linspace(2, 0, 12)
    track = acting.perform(face, acting.jaw_open(face, amount))
    assert track.anchor >= 11
    neutral_gap = (track.neutral[14] - track.neutral[13]).norm()
    assert neutral_gap < 0.15
    assert coefficient(track, "jawOpen")[0] > 0.5 and coefficient(track, "jawOpen")[-1] < 0.05


def test_the_anchor_looks_ahead_and_has_its_eyes_open(face, acting):
    turned, shut = torch.zeros(2, acting.frames)
    turned[:9] = torch.linspace(40, 0, 9)
    shut[9:13] = 1
    track = acting.perform(face, acting.lids_closed(face, shut), rotation=acting.turn(turned))
    assert turned[track.anchor] < 1 and shut[track.anchor] == 0


def test_pose_and_expression_are_told_apart(face, acting):
    swell = acting.swell()
    turned = acting.perform(face, rotation=acting.turn(20 * swell, 5 * swell, -10 * swell))
    assert turned.expression.max() < 0.1
    wanted = torch.stack([20 * swell, 5 * swell, -10 * swell], 1)
    assert (angles(turned.rotation) - wanted).abs().max() < 1.5
    talking = acting.perform(face, acting.jaw_open(face, 1.5 * swell))
    assert angles(talking.rotation).abs().max() < 1
    assert (talking.scale / talking.scale[0] - 1).abs().max() < 0.01
    jaw = coefficient(talking, "jawOpen")
    assert jaw[acting.held] == pytest.approx(0.5, abs=0.1) and jaw[0] < 0.02


def test_place_and_size_are_relative_to_the_picture(face, acting):
    swell = acting.swell()
    track = acting.perform(face, shift=swell[:, None] * torch.tensor([40.0, -12.0]), grow=1 + 0.25 * swell)
    moved = track.translation[acting.held] - track.translation[0]
    assert moved.tolist() == pytest.approx([40, -12], abs=1.5)
    assert float(track.scale[acting.held] / track.scale[0]) == pytest.approx(1.25, rel=0.02)


def test_a_wink_is_on_its_own_side(face, acting):
    delta = acting.lids_closed(face, acting.swell())
    delta[:, list(regions.LEFT_EYE_UPPER)] = 0
    track = acting.perform(face, delta)
    assert coefficient(track, "eyeBlinkRight")[acting.held] > 0.8
    assert coefficient(track, "eyeBlinkLeft").max() < 0.1


def test_gaze_is_in_eye_widths_and_rests_while_the_eyes_are_shut(face, acting):
    delta = torch.zeros(acting.frames, 478, 3)
    for iris, (outer, inner) in zip(regions.IRISES, regions.EYE_CORNERS):
        width = (face[outer] - face[inner]).norm()
        delta[:, list(iris), 0] = 0.2 * width * acting.swell()[:, None]
    track = acting.perform(face, delta)
    assert (track.gaze[acting.held, :, 0] - 0.2).abs().max() < 0.02
    assert track.gaze[..., 1].abs().max() < 0.02
    shut = acting.perform(face, delta + acting.lids_closed(face, acting.swell()))
    assert shut.gaze[acting.held].abs().max() < 0.02


def test_a_blink_of_two_frames_survives_smoothing(face, acting):
    amount = torch.zeros(acting.frames)
    amount[9:13] = torch.tensor([0.6, 1.0, 1.0, 0.5])
    track = acting.perform(face, acting.lids_closed(face, amount))
    assert coefficient(track, "eyeBlinkLeft").max() > 0.8


def test_smoothing_takes_the_noise_of_a_resting_face(face, acting):
    points = 10 * face.expand(100, -1, -1) + 200
    noisy = points + 0.6 * torch.randn(points.shape, generator=torch.Generator().manual_seed(1))
    jitter = [
        float(acting.track_of(noisy, smoothing=amount).face_points.diff(dim=0).norm(dim=2).mean())
        for amount in (0.0, 0.5, 1.0)
    ]
    assert jitter[1] < 0.6 * jitter[0] and jitter[2] < jitter[1]
    torch.testing.assert_close(acting.track_of(noisy, smoothing=0).face_points, noisy, rtol=0, atol=1e-2)


def test_frames_that_were_not_seen_count_for_nothing(face, acting):
    """What the network says about a frame in which it saw no face is anything at all."""
    points = 10 * face.expand(30, -1, -1) + 200
    seen = torch.ones(30)
    seen[10:14] = 0.2
    wild = points.clone()
    wild[10:14] = 1e6 * torch.randn(4, 478, 3, generator=torch.Generator().manual_seed(2))
    track = acting.track_of(wild, seen=seen)
    torch.testing.assert_close(track.face_points, points, rtol=0, atol=0.05)
    confidence = track.face_confidence
    assert confidence[[9, 14]].min() == 1 and 0.3 < confidence[11] < confidence[10] < 0.6
    assert not 10 <= track.anchor < 14


def test_without_a_face_the_head_stays_still(acting):
    track = acting.track_of(torch.zeros(5, 478, 3), seen=torch.zeros(5))
    assert not track.has_face and len(track) == 5 and track.anchor == 0
    assert (track.rotation == torch.eye(3)).all() and (track.expression == 0).all() and (track.gaze == 0).all()
    assert track.face_points.isfinite().all() and track.scale.min() > 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_frames_are_a_performance(face, acting, count):
    points = 10 * face.expand(count, -1, -1) + 200
    track = acting.track_of(points)
    torch.testing.assert_close(track.face_points, points, rtol=0, atol=0.05)
    assert track.face_confidence.tolist() == [1] * count and track.anchor < count


def test_verdicts_name_a_small_and_a_turned_face(face, acting, tmp_path):
    from motion_control.engine import media

    clip = media.open_clip(acting.write_clip(tmp_path / "a.mp4", torch.zeros(2, 400, 400, 3, dtype=torch.uint8)))

    def verdicts(track):
        return {check.name: check.verdict for check in check_track(track, clip)}

    good = verdicts(acting.perform(face))
    assert {good[name] for name in ("size", "face visible", "face size", "head turns")} == {"pass"}
    assert good["length"] == "warn"  # two frames
    assert verdicts(acting.perform(face, size=90))["face size"] == "warn"
    assert verdicts(acting.perform(face, rotation=acting.turn(60 * acting.swell())))["head turns"] == "warn"
