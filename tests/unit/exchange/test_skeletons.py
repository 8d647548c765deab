"""Skeleton pictures: colours, widths and thresholds to the pixel."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch

from motion_control.engine.errors import SettingError
from motion_control.engine.exchange import draw_styled
from motion_control.engine.exchange.drawing import draw_line, fill_disc, fill_ellipse


@pytest.fixture
def alone(performed):
    """alone({joint: (x, y)}, width, height): a track of one frame in which only these joints are seen."""

    def make(joints, width=480, height=640, score=0.9, hands=None):
        body = torch.zeros(1, 33, 5)
        for joint, place in joints.items():
            body[0, joint] = torch.tensor([*place, 0.0, score, score])
        every = {
            name: value[:1] for name, value in vars(performed).items() if torch.is_tensor(value) and name != "neutral"
        }
        every |= {"body": body, "face_confidence": torch.zeros(1), "hand_confidence": torch.zeros(1, 2)}
        if hands is not None:
            every |= {"hands": hands, "hand_confidence": torch.ones(1, 2)}
        return replace(performed, width=width, height=height, **every)

    return make


def colours(picture) -> set:
    return {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()} - {(0, 0, 0)}


def test_shapes_to_the_pixel():
    canvas = np.zeros((9, 9, 3), np.uint8)
    for radius, pixels in ((0, 1), (1, 5), (2, 21), (3, 37)):
        canvas[:] = 0
        fill_disc(canvas, (4, 4), radius, (1, 1, 1))
        assert canvas[..., 0].sum() == pixels
    canvas[:] = 0
    fill_ellipse(canvas, (4, 4), 3, 1, 0, (1, 1, 1))
    drawn = ["".join(".#"[v] for v in row) for row in canvas[2:7, :, 0]]
    assert drawn == [".........", "..#####..", ".#######.", "..#####..", "........."]
    upright = np.zeros((9, 9, 3), np.uint8)
    fill_ellipse(upright, (4, 4), 3, 1, 90, (1, 1, 1))
    assert np.array_equal(upright.transpose(1, 0, 2), canvas)
    canvas[:] = 0
    draw_line(canvas, (1, 4), (7, 4), 1, (1, 1, 1))
    assert canvas[4, 1:8, 0].sum() == canvas.sum() / 3 == 7
    for outside in ((-50, 4), (4, 90)):
        fill_disc(canvas, outside, 3, (9, 9, 9))
    fill_disc(canvas, (-1, 0), 2, (9, 9, 9))
    assert canvas.max() == 9 and canvas[0, 0, 0] == 9


@pytest.mark.parametrize("width, height, half", [(832, 480, 1), (1280, 720, 2), (1920, 1080, 4), (320, 320, 1)])
def test_wan_limbs_grow_with_the_picture(alone, width, height, half):
    """The right upper arm, level: an ellipse of that half width in 0.6 of the third colour, discs at its ends."""
    track = alone({12: (100, 50), 14: (200, 50)}, width, height)
    picture = draw_styled(track, "wan animate")[0]
    assert picture.shape == (height, width, 3)
    column = picture[:, 150].tolist()
    assert [y for y, pixel in enumerate(column) if any(pixel)] == list(range(50 - half, 51 + half))
    assert column[50] == [153, 102, 0]
    assert picture[50, 100].tolist() == [255, 170, 0] and picture[50, 200].tolist() == [255, 255, 0]
    assert colours(picture) == {(153, 102, 0), (255, 170, 0), (255, 255, 0)}
    ends = (picture.numpy() == (255, 255, 0)).all(2)
    assert ends.any(0).sum() == ends.any(1).sum() == 2 * half + 1


def test_every_limb_has_its_colour(performed):
    track = replace(performed, hand_confidence=torch.zeros(80, 2), width=960, height=1280)
    track = replace(track, body=track.body * torch.tensor([2.0, 2.0, 1.0, 1.0, 1.0]))
    picture = draw_styled(track, "wan animate", 0, 1)[0]

    def between(a, b):
        places = {"neck": track.body[0, [11, 12], :2].mean(0)}
        a, b = (places[one] if one in places else track.body[0, one, :2] for one in (a, b))
        x, y = ((a + b) / 2).int().tolist()
        return picture[y, x].tolist()

    limbs = {
        ("neck", 12): (255, 0, 0), ("neck", 11): (255, 85, 0), (12, 14): (255, 170, 0), (14, 16): (255, 255, 0),
        (11, 13): (170, 255, 0), (13, 15): (85, 255, 0), ("neck", 24): (0, 255, 0), (24, 26): (0, 255, 85),
        (26, 28): (0, 255, 170), ("neck", 23): (0, 255, 255), (23, 25): (0, 170, 255), (25, 27): (0, 85, 255),
        ("neck", 0): (0, 0, 255), (0, 5): (85, 0, 255), (5, 8): (170, 0, 255), (0, 2): (255, 0, 255),
        (2, 7): (255, 0, 170), (27, 31): (255, 0, 85), (28, 32): (200, 200, 0),
    }  # fmt: skip
    for limb, colour in limbs.items():
        assert between(*limb) == [int(0.6 * value) for value in colour], limb
    toe = track.body[0, 31, :2].int().tolist()
    assert picture[toe[1], toe[0]].tolist() == [200, 200, 0]
    toe = track.body[0, 32, :2].int().tolist()
    assert picture[toe[1], toe[0]].tolist() == [100, 100, 0]
    assert (255, 255, 255) not in colours(picture)  # no face points


def test_openpose_has_no_toes_but_a_face(performed):
    track = replace(performed, hand_confidence=torch.zeros(80, 2))
    picture = draw_styled(track, "openpose", 0, 1)[0]
    assert not {(200, 200, 0), (100, 100, 0), (120, 120, 0)} & colours(picture)
    x, y = track.face_points[0, 152, :2].int().tolist()
    assert picture[y, x].tolist() == [255, 255, 255]
    arm = (track.body[0, 12, :2] + track.body[0, 14, :2]) / 2
    assert picture[int(arm[1]), int(arm[0])].tolist() == [153, 102, 0]


@pytest.mark.parametrize("score, drawn", [(0.49, False), (0.51, True)])
def test_joints_below_half_are_not_drawn(alone, score, drawn):
    assert bool(draw_styled(alone({12: (100, 50), 14: (200, 50)}, score=score), "wan animate").any()) == drawn


def test_hands_are_a_rainbow(alone):
    hands = torch.zeros(1, 2, 21, 3)
    for point in range(1, 21):
        finger, joint = divmod(point - 1, 4)
        hands[0, :, point, :2] = torch.tensor([60.0 + 40 * finger, 60.0 + 20 * joint])
    hands[0, :, 0, :2] = torch.tensor([20.0, 20.0])
    picture = draw_styled(alone({}, 832, 480, hands=hands), "wan animate")[0]
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (0, 9), (9, 10), (10, 11), (11, 12)]
    for number, (a, b) in enumerate(edges):
        if a:
            x, y = ((hands[0, 0, a, :2] + hands[0, 0, b, :2]) / 2).int().tolist()
            wanted = [int(255 * value) for value in colorsys.hsv_to_rgb(number / 20, 1, 1)]
            assert picture[y, x].tolist() == wanted
    assert picture[60, 60].tolist() == [0, 0, 255] and picture[60, 61].tolist() == [0, 0, 255]
    assert (picture[70].sum(1) > 0).sum() == 5  # lines of one pixel


def test_a_smaller_picture_and_an_unknown_style(performed):
    assert draw_styled(performed, "openpose", 2, 5, max_side=320).shape == (3, 320, 240, 3)
    assert draw_styled(performed, "openpose", 70, 200).shape[0] == 10
    with pytest.raises(SettingError, match="dots"):
        draw_styled(performed, "dots")
