"""A character from a video: which frames are taken."""

import pytest
import torch

from motion_control.engine import media
from motion_control.engine.errors import IdentityError
from motion_control.engine.identity import bind_identity, from_video, pictures_of_video
from motion_control.engine.identity.from_video import Moment, choose


def moment(index, yaw=0.0, pitch=0.0, sharp=0.02, calm=0.9, eyes=0.3, size=200.0):
    return Moment(index, yaw, pitch, sharp, calm, eyes, size)


def test_a_frontal_calm_sharp_picture_comes_first_then_angles():
    moments = [
        moment(0, 30), moment(1, 0, calm=0.2), moment(2, 1, sharp=0.004), moment(3, 2), moment(4, 0, eyes=0.05),
        moment(5, -35), moment(6, -33, sharp=0.004), moment(7, 0, 20), moment(8, 28, eyes=0.05),
    ]  # fmt: skip
    found = choose(moments)
    assert found[0] == 3 and set(found[1:]) == {0, 5, 7}


def test_pictures_that_add_nothing_are_not_taken():
    assert choose([moment(i, i % 5) for i in range(50)]) in ([0], [5], [10])
    assert len(choose([moment(i, 15 * i - 75) for i in range(11)])) == 5
    assert len(choose([moment(i, 15 * i - 75) for i in range(11)], most=3)) == 3
    assert choose([]) == []


@pytest.fixture(scope="module")
def film(hopper, acting, tmp_path_factory):
    """A face that turns to both sides in front of the camera; the first frames are grey."""
    swell = acting.swell()
    frames = [
        acting.render(acting.perform(hopper.neutral, rotation=acting.turn(yaw * swell)), hopper) for yaw in (25, -25)
    ]
    frames = torch.cat(frames)
    frames[:3] = 128
    path = tmp_path_factory.mktemp("film") / "turn.mp4"
    with media.VideoWriter(path, 400, 400, 25) as writer:
        writer.write(frames)
    return path


def test_the_views_of_a_turning_head(film, hopper):
    steps = []
    clip = media.open_clip(film)
    pictures, names = pictures_of_video(clip, progress=lambda *step: steps.append(step))
    assert 3 <= len(pictures) <= 5 and len(names) == len(set(names)) == len(pictures)
    assert all(one.shape == (400, 400, 3) and one.dtype == torch.uint8 for one in pictures)
    assert names[0].startswith("turn.mp4 at ") and names[0].endswith(" s")
    assert steps[-1][0] == steps[-1][1] and steps == sorted(steps)
    bound = bind_identity(pictures, names)
    yaws = [view["angles"][0] for view in bound.report["views"]]
    assert bound.primary == 0 and abs(yaws[0]) < 8 and max(yaws) > 10 and min(yaws) < -10
    # the picture is the frame of that time
    second = float(names[1].split(" at ")[1].removesuffix(" s"))
    frames = torch.cat([batch.frames for batch in media.iterate(clip)])
    assert torch.equal(frames[round(second * 25)], pictures[1])


def test_a_long_video_is_looked_at_here_and_there(film, monkeypatch):
    monkeypatch.setattr(from_video, "SAMPLES", 12)
    seen = []
    real = from_video._moments
    monkeypatch.setattr(from_video, "_moments", lambda frames, first: seen.append(len(frames)) or real(frames, first))
    pictures, names = pictures_of_video(media.open_clip(film))
    assert 11 <= sum(seen) <= 13 and max(seen) <= 8 and 2 <= len(pictures) <= 5


def test_a_video_without_a_face_is_one_sentence(tmp_path):
    with media.VideoWriter(tmp_path / "wall.mp4", 128, 128, 25) as writer:
        writer.write(torch.full((5, 128, 128, 3), 90, dtype=torch.uint8))
    with pytest.raises(IdentityError, match=r"^No face was found in wall\.mp4; .*\.$"):
        pictures_of_video(media.open_clip(tmp_path / "wall.mp4"))
