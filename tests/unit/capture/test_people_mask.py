"""What of the picture belongs to the performer: capsules along head and limbs."""

import numpy as np
import pytest

from motion_control.engine.capture.people_mask import capsules, cover, covered
from motion_control.engine.geometry.pose import canonical_face

WIDTH, HEIGHT = 200, 400


@pytest.fixture(scope="module")
def face():
    """A face 40 px high around (100, 60)."""
    points = canonical_face().numpy()
    size = np.ptp(points[:468, 1])
    return points[:, :2] * (40 / size) + [100, 60]


@pytest.fixture(scope="module")
def body():
    """Somebody who stands, the left arm stretched out to the side, the right one hanging: shoulders 60 px apart."""
    joints = np.zeros((33, 5))
    joints[:11, :2] = [100, 60]
    places = {
        11: (130, 100), 12: (70, 100), 13: (160, 100), 14: (60, 140), 15: (185, 100), 16: (60, 180),
        23: (118, 200), 24: (82, 200), 25: (118, 270), 26: (82, 270), 27: (118, 340), 28: (82, 340),
        29: (118, 346), 30: (82, 346), 31: (120, 350), 32: (80, 350),
    }  # fmt: skip
    for joint, place in places.items():
        joints[joint, :2] = place
    return joints


def inside(shapes, *places):
    return covered(np.array(places, dtype=float), cover(shapes, WIDTH, HEIGHT)).tolist()


def test_head_hair_limbs_and_trunk_are_covered_and_the_rest_is_not(face, body):
    shapes = capsules(face, body, [], HEIGHT)
    on = [(100, 60), (100, 32), (100, 150), (172, 100), (60, 160), (118, 300), (82, 345), (196, 100)]
    assert inside(shapes, *on) == [True] * len(on)
    off = [(20, 60), (180, 30), (175, 200), (20, 250), (160, 300), (100, 390), (30, 390)]
    assert inside(shapes, *off) == [False] * len(off)


def test_a_seen_hand_adds_its_place(face, body):
    hand = np.array([[20.0, 250.0], [30.0, 260.0]])
    assert inside(capsules(face, body, [hand], HEIGHT), (25, 255)) == [True]
    assert inside(capsules(face, body, [], HEIGHT), (25, 255)) == [False]


def test_a_face_alone_has_a_chest_below_it(face):
    shapes = capsules(face, None, [], HEIGHT)
    assert inside(shapes, (100, 60), (100, 200), (60, 390)) == [True] * 3
    assert inside(shapes, (10, 60), (190, 60), (10, 100)) == [False] * 3


def test_a_head_seen_from_behind_is_covered_by_its_joints(body):
    assert inside(capsules(None, body, [], HEIGHT), (100, 60), (100, 45)) == [True] * 2


def test_nobody_covers_nothing():
    assert not cover(capsules(None, None, [], HEIGHT), WIDTH, HEIGHT).any()
