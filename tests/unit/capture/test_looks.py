"""Sharpness and light of the pictures, and verdicts about them, company and cuts."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.capture import best_segment, measure_track
from motion_control.engine.capture.checks import check_company, check_cuts, check_looks
from motion_control.engine.capture.looks import Looks, exposure, read_looks
from motion_control.engine.capture.occlusion import skin_colours
from motion_control.engine.capture.performer import Seen
from motion_control.engine.geometry.pose import canonical_face

ONE = torch.ones(1, dtype=torch.bool)


def verdicts(looks, seen=ONE):
    return {check.name: check.verdict for check in check_looks(looks, seen)}


def blurred(frames, across, down=None):
    """Frames uint8 [T, H, W, 3] under a mean of `across` columns and `down` rows (odd; the same when not given)."""
    size = (down or across, across)
    padding = (size[1] // 2, size[1] // 2, size[0] // 2, size[0] // 2)
    planes = F.pad(frames.permute(0, 3, 1, 2).float(), padding, mode="replicate")
    return F.avg_pool2d(planes, size, 1).permute(0, 2, 3, 1).round().to(torch.uint8)


@pytest.fixture(scope="module")
def looks(portraits, acting):
    """looks(change): of the portrait, a face 200 px high, after a change of its float picture [1, H, W, 3]."""
    points = acting.find_face(portraits.hopper)[None]

    def measure(change=lambda picture: picture):
        frames = change(portraits.hopper[None].float()).round().clamp(0, 255).to(torch.uint8)
        seen = replace(Seen.nothing(1), face=points, face_seen=torch.ones(1))
        return read_looks(frames, skin_colours(frames, points), seen)

    return measure


def test_a_good_picture_passes(looks):
    good = looks()
    assert verdicts(good) == {"blur": "pass", "light": "pass", "contrast": "pass"}
    assert exposure(good)[0] > 0.99 and good.sharpness[0] == 1


def test_dark_bright_and_foggy_pictures(looks):
    dark = looks(lambda picture: picture * 0.2)
    assert verdicts(dark)["light"] == "warn" and exposure(dark)[0] < 0.8
    assert "too dark" in check_looks(dark, ONE)[1].line()
    bright = looks(lambda picture: picture * 0.1 + 228)
    assert verdicts(bright)["light"] == "warn" and "too bright" in check_looks(bright, ONE)[1].line()
    assert verdicts(looks(lambda picture: picture * 0.1 + 110))["contrast"] == "warn"


def test_pictures_that_cannot_be_read_fail(looks):
    black, white = looks(lambda picture: picture * 0.03), looks(lambda picture: picture * 6)
    assert verdicts(black)["light"] == "fail" and exposure(black)[0] < 0.2
    assert verdicts(white)["light"] == "fail" and exposure(white)[0] < 0.2
    assert "burnt out" in check_looks(white, ONE)[1].measured
    assert verdicts(looks(lambda picture: 0 * picture + 128))["contrast"] == "fail"


def test_blur_lowers_sharpness_and_is_said(looks):
    steps = [looks(lambda picture, size=size: blurred(picture, size)) for size in (1, 5, 11, 15, 31)]
    values = [float(step.sharpness) for step in steps]
    assert values == sorted(values, reverse=True) and values[0] == 1 and values[2] < 0.6 and values[-1] < 0.2
    assert [verdicts(step)["blur"] for step in steps] == ["pass", "pass", "pass", "warn", "fail"]
    assert "focus" in check_looks(steps[-1], ONE)[0].line()


@pytest.mark.parametrize("size", [(15, 1), (1, 15)])
def test_motion_blur_in_one_direction_is_blur(looks, size):
    assert looks(lambda picture: blurred(picture, *size)).sharpness[0] < 0.6


def test_detail_finer_than_needed_does_not_count(looks, portraits, acting):
    """A face of 800 px that is smeared over 5 px is as good as a sharp one."""
    large = F.interpolate(portraits.hopper.permute(2, 0, 1)[None].float(), scale_factor=4, mode="bicubic")
    frames = large.permute(0, 2, 3, 1).clamp(0, 255).to(torch.uint8)
    points = 4 * acting.find_face(portraits.hopper)[None]
    seen = replace(Seen.nothing(1), face=points, face_seen=torch.ones(1))
    assert read_looks(blurred(frames, 5), skin_colours(frames, points), seen).sharpness[0] > 0.9


def test_a_figure_without_a_face_has_sharpness_and_no_light(portraits):
    joints = torch.tensor([[[100.0, 60, 0, 1, 1], [400, 480, 0, 1, 1]]]).repeat(1, 17, 1)[:, :33]
    seen = replace(Seen.nothing(1), body=joints, body_read=ONE)
    skin = torch.zeros(1, 160, 3, dtype=torch.uint8)
    frames = portraits.whole[None]
    sharp, soft = (read_looks(picture, skin, seen) for picture in (frames, blurred(frames, 21)))
    assert sharp.sharpness[0] > 0.9 and soft.sharpness[0] < 0.3
    assert [check.name for check in check_looks(sharp, ~ONE)] == ["blur"]


def test_nobody_in_the_picture_has_no_light():
    level = torch.full((10,), 0.5)
    found = check_looks(Looks(level, level, level, level + 0.5), torch.zeros(10, dtype=torch.bool))
    assert [check.verdict for check in found] == ["pass"]


@pytest.mark.parametrize("spoil", ["blurred", "dark"])
def test_the_sharp_and_well_lit_half_is_the_better_part(spoil, waving, capture):
    frames = waving.frames.clone()
    frames[:24] = blurred(frames[:24], 13) if spoil == "blurred" else frames[:24] // 6
    track = capture(frames)
    column = 0 if spoil == "blurred" else 1
    assert track.quality[24:, column].min() > 0.8 and track.quality[:24, column].max() < 0.6
    assert track.quality[:, 1 - column].min() > 0.6
    found = best_segment(measure_track(track), 25.0, 0.6)
    assert found.start >= 24
    assert ("sharper" if spoil == "blurred" else "better lit") + " than elsewhere" in found.reason
    mirrored = capture(frames.flip(0))
    assert best_segment(measure_track(mirrored), 25.0, 0.6).stop <= 24


def test_company_and_cuts(acting):
    assert check_company([]).verdict == "pass"
    found = check_company([{"where": [0.2, 0.5], "first_frame": 3, "frames": 40}])
    assert found.verdict == "warn" and "1 other" in found.measured
    track = acting.perform(canonical_face())
    assert check_cuts(track).verdict == "pass"
    assert check_cuts(replace(track, cuts=(4,))).verdict == "warn"


def test_verdicts_of_whole_clips(waving, capture):
    def said(change):
        frames = change(waving.frames[:16].float()).round().clamp(0, 255).to(torch.uint8)
        return "\n".join(capture(frames).report["checks"])

    good = said(lambda frames: frames)
    assert all(f"PASS {name}:" in good for name in ("blur", "light", "contrast"))
    assert "WARN light:" in said(lambda frames: frames * 0.2)
    assert "FAIL light:" in said(lambda frames: frames * 6)
    assert "FAIL blur: sharp in 0%" in said(lambda frames: blurred(blurred(frames, 13), 13).float())
