"""extract_track on clips whose motion is known, because a picture was moved to make them."""

import pytest
import torch

from motion_control.engine import media
from motion_control.engine.capture import extract_track
from motion_control.engine.errors import CaptureError
from motion_control.engine.geometry.pose import angles


def distances(track, points):
    """Mean distance of a frame's face points to where they must be, px [T]."""
    return (track.face_points[..., :2] - points).norm(dim=2).mean(1)


@pytest.fixture(scope="module")
def followed(waving, acting, tmp_path_factory):
    path = acting.write_clip(tmp_path_factory.mktemp("waving") / "waving.mp4", waving.frames)
    steps = []
    clip = media.open_clip(path)
    return clip, extract_track(clip, progress=lambda *step: steps.append(step)), steps


def test_the_track_has_the_frames_times_and_size_of_its_clip(followed):
    clip, track, steps = followed
    assert len(track) == clip.frame_count == 48
    assert (track.frame_rate, track.width, track.height) == (clip.frame_rate, 320, 320)
    torch.testing.assert_close(track.times, torch.arange(48, dtype=torch.float64) / 25)
    assert steps[-1] == (48, 48) and [done for done, _ in steps] == sorted(done for done, _ in steps)
    for name in ("face_points", "face_confidence", "rotation", "scale", "translation", "gaze", "expression", "body"):
        value = getattr(track, name)
        assert len(value) == 48 and value.isfinite().all(), name


def test_roll_and_place_follow_the_picture(followed, waving):
    _, track, _ = followed
    assert distances(track, waving.points).max() < 0.012 * 160  # 1.2 % of the face's height
    yaw, _, roll = angles(track.rotation).unbind(1)
    # head pose is relative to the neutral face, which was itself photographed at some small angle
    assert ((roll - roll.mean()) - (waving.rolls - waving.rolls.mean())).abs().max() < 1
    assert yaw.abs().max() < 4
    assert (track.scale / track.scale.mean() - 1).abs().max() < 0.03
    assert track.face_confidence.min() > 0.9


def test_a_moved_photograph_shows_no_expression(followed):
    _, track, _ = followed
    names = list(track.expression_names)
    assert track.expression[:, names.index("jawOpen")].max() < 0.05
    assert track.expression.max() < 0.4
    assert track.gaze.abs().max() < 0.05


def test_the_report_says_what_was_seen(followed):
    _, track, _ = followed
    lines = "\n".join(track.report["checks"])
    assert "PASS face visible: 100%" in lines and "WARN size: 320x320" in lines and "PASS sound: none" in lines


def test_frames_without_a_face_are_bridged_at_falling_confidence(waving, capture):
    frames = waving.frames.clone()
    frames[8:38] = 0  # 1.2 s
    track = capture(frames)
    seen = torch.ones(48, dtype=torch.bool)
    seen[8:38] = False
    for name in ("face_points", "face_confidence", "rotation", "scale", "translation", "gaze", "expression", "body"):
        assert getattr(track, name).isfinite().all(), name
    confidence = track.face_confidence
    assert confidence[seen].min() > 0.9 and confidence[~seen].max() <= 0.6
    assert (confidence[8:22].diff() <= 0).all() and (confidence[24:38].diff() >= 0).all()
    assert confidence[[8, 37]].min() > 0.4 and confidence[22:24].max() == 0
    assert distances(track, waving.points)[seen].max() < 0.02 * 160
    steps = track.face_points[..., :2].diff(dim=0).norm(dim=2).mean(1)
    assert steps.max() < 4  # no jump into the gap or out of it


def test_the_face_is_found_again_elsewhere(face_picture, acting, capture):
    """A cut: the face is somewhere else and smaller, at once."""
    left, right = acting.moved(face_picture, 0, (-40, 0)), acting.moved(face_picture, 0, (60, 30), 0.6)
    track = capture(torch.cat([left.expand(8, -1, -1, -1), right.expand(8, -1, -1, -1)]), smoothing=0)
    for number, picture in ((2, left), (13, right)):
        found = acting.find_face(picture)
        assert (track.face_points[number, :, :2] - found[:, :2]).norm(dim=1).mean() < 3
    assert track.face_confidence.min() > 0.5


def test_a_clip_without_anybody_is_a_sentence(waving, capture):
    with pytest.raises(CaptureError, match=r"empty room\.mp4 .*4 frames.*\.$"):
        capture(torch.zeros_like(waving.frames[:4]), name="empty room.mp4")


def test_a_body_without_a_face_is_enough(portraits, acting, capture):
    """The face is blurred until no network takes it for one; shoulders and arms are still there."""
    from kornia.filters import gaussian_blur2d

    low, high = acting.find_face(portraits.whole)[:, :2].aminmax(dim=0)
    x0, y0, x1, y1 = (*(low.int() - 8).tolist(), *(high.int() + 8).tolist())
    picture = portraits.whole.permute(2, 0, 1)[None].float()
    picture[..., y0:y1, x0:x1] = gaussian_blur2d(picture, (49, 49), (8.0, 8.0))[..., y0:y1, x0:x1]
    frame = picture[0].permute(1, 2, 0).to(torch.uint8)
    track = capture(frame.expand(6, -1, -1, -1))
    assert not track.has_face and track.face_confidence.max() == 0
    assert track.body[:, [11, 12], 3].min() > 0.9
    assert track.body[0, 12, 0] < track.body[0, 11, 0]  # the subject's right shoulder is at the left
    assert track.face_points.isfinite().all()
    assert any(line.startswith("WARN face visible: 0%") for line in track.report["checks"])


def test_one_frame_is_a_clip(face_picture, capture, acting):
    track = capture(face_picture[None])
    assert len(track) == 1 and track.anchor == 0 and track.face_confidence[0] > 0.9
    assert (track.face_points[0] - acting.find_face(face_picture))[:, :2].norm(dim=1).mean() < 2
    assert track.neutral.isfinite().all()


def test_capture_is_the_same_every_time(followed):
    clip, first, _ = followed
    second = extract_track(clip)
    for name in ("face_points", "body", "rotation", "translation", "gaze"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_capture_can_be_interrupted(waving, capture):
    class Stop(Exception):
        pass

    def progress(done, total):
        raise Stop

    with pytest.raises(Stop):
        capture(waving.frames[:16], progress=progress)
