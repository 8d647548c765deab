"""Face crops, boxes and masks of a clip."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from PIL import Image

from motion_control.engine import media
from motion_control.engine.errors import CaptureError, SettingError
from motion_control.engine.exchange import bounding_boxes, face_boxes, face_crops, subject_boxes, subject_masks
from motion_control.engine.exchange.face_crops import stretched
from motion_control.engine.tracks import blank_track


@pytest.fixture(scope="module")
def filmed(portraits, acting, tmp_path_factory):
    """The larger portrait on the left and the other person on the right, 5 frames, and the track of the left one."""
    planes = portraits.whole.permute(2, 0, 1)[None].float()
    other = torch.nn.functional.interpolate(planes, size=(400, 400), antialias=True, mode="bilinear")[0]
    other = other.permute(1, 2, 0).round().to(torch.uint8)
    pair = torch.cat([portraits.hopper, torch.full((400, 60, 3), 235, dtype=torch.uint8), other], 1)
    frames = torch.stack([pair.roll(2 * i, 1) for i in range(5)])
    path = acting.write_clip(tmp_path_factory.mktemp("pair") / "pair.mp4", frames)
    rest = acting.find_face(portraits.hopper)
    points = torch.stack([rest + torch.tensor([2.0 * i, 0.0, 0.0]) for i in range(5)])
    return media.open_clip(path), acting.track_of(points, (860, 400)), frames


def box_track(points: torch.Tensor, width=400, height=300):
    times = torch.arange(len(points), dtype=torch.float64)
    return replace(
        blank_track(times, Fraction(25), width, height), face_points=points, face_confidence=torch.ones(len(points))
    )


def test_the_face_box_is_1_3_times_as_large_and_goes_up():
    points = torch.full((1, 478, 3), 150.0)
    points[0, 234, :2] = torch.tensor([100.0, 120.0])
    points[0, 454, :2] = torch.tensor([200.0, 120.0])
    points[0, 152, :2] = torch.tensor([150.0, 260.0])
    points[0, 10, :2] = torch.tensor([150.0, 20.0])  # the hair line is none of the 68 points
    width, height = 100 * 1.3**0.5, 140 * 1.3**0.5
    grown = [100 - (width - 100) / 2, 120 - 3 * (height - 140) / 4, 200 + (width - 100) / 2, 260 + (height - 140) / 4]
    assert face_boxes(box_track(points)).tolist() == [[int(value) for value in grown]]
    (box,) = bounding_boxes(face_boxes(box_track(points)))[0]
    assert (box["x"], box["width"], box["label"]) == (92, 115, "face")


@pytest.mark.parametrize("shift", [(-2000, 0), (2000, 2000), (-30, -60)])
def test_a_box_stays_in_the_picture(shift):
    points = torch.rand(3, 478, 3) * 80 + 100
    points[..., :2] += torch.tensor(shift)
    box = face_boxes(box_track(points))
    assert bool((box >= 0).all() and (box[:, 2] <= 400).all() and (box[:, 3] <= 300).all())
    assert bool((box[:, 2:] > box[:, :2]).all())


def test_a_crop_is_stretched_bilinearly():
    frame = torch.randint(0, 255, (90, 70, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    made = stretched(frame, torch.tensor([10, 20, 40, 80]), 128)
    part = Image.fromarray(frame[20:80, 10:40].contiguous().numpy())
    wanted = np.asarray(part.resize((128, 128), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(made.numpy().astype(int) - wanted).max() <= 1


def test_crops_follow_the_face(filmed, acting):
    clip, track, frames = filmed
    crops = torch.cat(list(face_crops(clip, track)))
    assert crops.shape == (5, 512, 512, 3) and crops.dtype == torch.uint8
    wanted = stretched(frames[4], face_boxes(track)[4], 512)
    assert acting.psnr(crops[4], wanted) > 30
    assert acting.psnr(crops[4], crops[0]) > 25  # the picture moves, the face in the crop does not
    assert next(face_crops(clip, track, side=64)).shape == (5, 64, 64, 3)


def test_the_mask_holds_the_subject_only(filmed):
    clip, track, _ = filmed
    masks = torch.cat(list(subject_masks(clip, track)))
    assert masks.shape == (5, 400, 860) and masks.dtype == torch.float32
    assert float(masks.min()) >= 0 and float(masks.max()) <= 1
    face = track.face_points[2, :468, :2].long()
    assert float(masks[2][face[:, 1], face[:, 0]].mean()) > 0.95
    assert float(masks[:, -20:, 100:350].min()) > 0.9  # the chest, down to the border
    assert float(masks[:, :, 500:].max()) < 0.05
    from motion_control.models.matte import person_matte

    whole = person_matte(next(media.iterate(clip)).frames, refine=True)
    assert float(whole[:, :, 520:].max()) > 0.8  # the other person is in the matte


def test_nobody_tracked_is_an_empty_mask(filmed):
    clip, track, _ = filmed
    nobody = replace(track, face_confidence=torch.zeros(5))
    assert float(torch.cat(list(subject_masks(clip, nobody, refine=False))).max()) == 0
    with pytest.raises(CaptureError, match="no face"):
        face_crops(clip, nobody)


def test_a_track_of_another_clip_is_refused(filmed, performed):
    clip, track, _ = filmed
    with pytest.raises(SettingError, match="80"):
        face_crops(clip, performed)
    with pytest.raises(SettingError, match="100x100"):
        subject_masks(clip, replace(track, width=100, height=100))


def test_subject_boxes_are_cut_at_the_border_and_empty_without_a_subject(performed):
    box = torch.tensor([[-20.0, 30.0, 700.0, 500.0]]).repeat(80, 1)
    box[3:] = 0
    boxes = subject_boxes(replace(performed, subject_box=box))
    assert boxes[2].tolist() == [0, 30, 480, 500] and boxes[3:].abs().max() == 0
