"""Cuts: found where shots meet, nowhere else, and nothing is smoothed or filled across one."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine import media
from motion_control.engine.capture.cuts import by_shot, per_shot, shots
from motion_control.engine.geometry.pose import canonical_face

SIDE = 240


def picture(whole):
    planes = whole.permute(2, 0, 1)[None].float()
    small = F.interpolate(planes, (SIDE, SIDE), mode="bilinear", antialias=True)[0]
    return small.permute(1, 2, 0).round().to(torch.uint8)


@pytest.fixture(scope="module")
def hopper(portraits):
    return picture(portraits.hopper)


@pytest.fixture(scope="module")
def collins(portraits):
    return picture(portraits.collins)


@pytest.fixture
def found(tmp_path, acting):
    """found(frames): the cuts of frames written as a clip; checks that every frame comes once and in order."""

    def find(frames, batch=8):
        clip = media.open_clip(acting.write_clip(tmp_path / "clip.mp4", frames))
        cuts, next_frame = [], 0
        for part in by_shot(media.iterate(clip, batch=batch)):
            assert part.batch.first == next_frame and len(part.batch) > 0
            assert part.batch.times[0] == pytest.approx(next_frame / float(clip.frame_rate))
            next_frame += len(part.batch)
            cuts += [part.batch.first] if part.begins else []
        assert next_frame == len(frames)
        return cuts

    return find


def still(shot, count):
    return shot.expand(count, -1, -1, -1)


@pytest.mark.parametrize("batch", [1, 8, 50])
def test_every_shot_begins_at_its_first_frame(hopper, collins, found, batch):
    frames = torch.cat([still(hopper, 11), still(collins, 5), still(hopper, 16), still(collins, 4)])
    assert found(frames, batch) == [11, 16, 32]


def test_a_cut_between_moving_shots(hopper, collins, acting, found):
    first = torch.stack([acting.moved(hopper, 3 * i, (2.0 * i, 0)) for i in range(12)])
    second = torch.stack([acting.moved(collins, -2 * i, (0, -2.0 * i)) for i in range(12)])
    assert found(torch.cat([first, second])) == [12]


def test_a_jump_within_one_scene_is_a_cut(portraits, found):
    wide = portraits.whole
    frames = torch.cat([still(picture(wide), 12), still(picture(wide[40:440, 60:460]), 12)])
    assert found(frames) == [12]


def test_a_fast_pan_is_none(portraits, found):
    """The whole picture passes by in one second, from rest to rest."""
    wide = torch.cat([portraits.whole, portraits.whole.flip(1)], 1)[:400]
    places = [0] * 6 + [round(24 * i) for i in range(25)] + [576] * 6
    assert found(torch.stack([picture(wide[:, x : x + 400]) for x in places])) == []


def test_flashes_are_none(hopper, found):
    frames = still(hopper, 30).clone()
    frames[8] = 255
    frames[16:18] = (frames[16:18].float() * 0.15 + 215).to(torch.uint8)
    frames[25:28] = 0
    assert found(frames) == []


def test_a_hand_that_wipes_over_the_lens_is_none(hopper, found):
    """From the left, over everything within a fifth of a second, and back."""
    frames = still(hopper, 40).clone()
    for i in range(40):
        covered = min(i - 8, 5, 30 - i)
        if covered > 0:
            frames[i, :, : SIDE * covered // 5] = torch.tensor([150, 100, 80], dtype=torch.uint8)
    assert found(frames) == []


def test_one_frame_and_an_empty_picture(found):
    assert found(torch.full((1, 64, 64, 3), 9, dtype=torch.uint8)) == []
    assert found(torch.zeros(12, 64, 64, 3, dtype=torch.uint8)) == []


def test_a_series_is_run_shot_by_shot():
    assert shots(5, ()) == [slice(0, 5)] and shots(5, (2, 4)) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    values, weights = torch.arange(5.0), torch.ones(5)
    out = per_shot(lambda part, weight: (part - part[0]) * weight, (2, 4), values, 2 * weights)
    assert out.tolist() == [0, 2, 0, 2, 0]


def test_nothing_leaks_over_a_cut(acting):
    """Two shots with a face at rest, far apart: every frame keeps its own face exactly, filled frames too."""
    from motion_control.engine.capture.assemble import Observations, assemble_track

    shot = 8 * canonical_face().expand(20, -1, -1)
    points = torch.cat([shot + torch.tensor([100.0, 100, 0]), 1.5 * shot + torch.tensor([300.0, 260, 0])])
    seen = torch.ones(40)
    seen[17:23] = 0  # unseen at the end of one shot and at the beginning of the next
    given = Observations.of_face(torch.where(seen[:, None, None] > 0, points, torch.zeros(())), seen, (20,))
    body = points[:, :33].repeat(1, 1, 2)[..., :5]
    given = replace(given, body=body, body_read=seen > 0)
    times = torch.arange(40, dtype=torch.float64) / 25
    track = assemble_track(given, times, media_rate(), 400, 400, 1.0)
    assert track.cuts == (20,)
    torch.testing.assert_close(track.face_points, points, rtol=0, atol=0.05)
    torch.testing.assert_close(track.body[..., :2], body[..., :2], rtol=0, atol=0.01)
    assert (track.scale[:20] / track.scale[0] - 1).abs().max() < 1e-3
    blended = assemble_track(replace(given, cuts=()), times, media_rate(), 400, 400, 1.0)
    assert (blended.face_points - points)[17:23].abs().max() > 20  # the same without the cut


def test_a_shot_without_a_face_holds_the_last_at_no_confidence(acting):
    from motion_control.engine.capture.assemble import Observations, assemble_track

    points = 8 * canonical_face().expand(30, -1, -1) + 150
    seen = torch.ones(30)
    seen[10:20] = 0
    track = assemble_track(
        Observations.of_face(points * seen[:, None, None], seen, (10, 20)),
        torch.arange(30, dtype=torch.float64) / 25, media_rate(), 400, 400,
    )  # fmt: skip
    assert track.face_confidence[10:20].max() == 0 and track.face_confidence[[9, 20]].min() == 1
    torch.testing.assert_close(track.face_points[10:20], points[10:20], rtol=0, atol=0.05)


def media_rate():
    from fractions import Fraction

    return Fraction(25)


def test_capture_follows_over_a_cut(hopper, collins, acting, capture):
    """Two portraits one after the other: both faces exactly, and the cut in the track."""
    track = capture(torch.cat([still(hopper, 12), still(collins, 12)]), smoothing=1.0)
    assert track.cuts == (12,)
    for number, shot in ((0, hopper), (11, hopper), (12, collins), (23, collins)):
        wanted = acting.find_face(shot)[:, :2]
        height = float(wanted[:, 1].max() - wanted[:, 1].min())
        assert (track.face_points[number, :, :2] - wanted).norm(dim=1).mean() < 0.02 * height
    assert track.face_confidence.min() > 0.9
