"""A picture that smiles or speaks is taken back to rest; a resting one stays as it is."""

import pytest
import torch

from motion_control.engine.geometry.face_rig import lip_gap, rig_delta
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.identity import bind_identity
from motion_control.engine.identity.resting import resting_controls, resting_shape

CORNERS = [61, 291]


def posed(face, **controls):
    return face + rig_delta(face, {name: torch.tensor([value]) for name, value in controls.items()})[0]


@pytest.fixture(scope="module")
def face(acting):
    return acting.lips_shut(canonical_face())


def test_a_resting_face_stays_as_it_is(face):
    assert resting_controls(face) == {}
    assert resting_shape(face) is face


def test_a_smile_is_taken_out(face):
    smiling = posed(face, mouthSmileRight=0.8, mouthSmileLeft=0.8)
    rested = resting_shape(smiling)
    assert (rested - face)[CORNERS, :2].abs().max() < 0.5 * (smiling - face)[CORNERS, :2].abs().max()


def test_an_open_mouth_is_nearly_closed_and_the_chin_comes_up(face):
    open_ = posed(face, jawOpen=0.7)
    rested = resting_shape(open_)
    assert lip_gap(rested) < 0.4 * lip_gap(open_)
    assert rested[152, 1] < open_[152, 1] - 0.5 * (open_[152, 1] - face[152, 1])


def test_high_corners_alone_or_a_wide_mouth_alone_are_a_face(face):
    wide, high = face.clone(), face.clone()
    wide[CORNERS[0], 0] -= 0.5
    wide[CORNERS[1], 0] += 0.5
    high[CORNERS, 1] -= 0.35
    assert "smile" not in resting_controls(wide) and "smile" not in resting_controls(high)


def test_the_skull_does_not_move(face):
    from motion_control.engine.geometry.pose import rigid_indices

    smiling = posed(face, mouthSmileRight=0.8, mouthSmileLeft=0.8, jawOpen=0.6)
    assert (resting_shape(smiling) - smiling)[rigid_indices()[0]].abs().max() < 0.05


def test_a_portrait_with_a_broad_smile_is_bound_with_a_resting_face(portraits, hopper):
    bound = bind_identity([portraits.whole])
    assert resting_controls(bound.neutral)
    assert not torch.equal(bound.resting, bound.neutral)
    assert (bound.resting - bound.neutral)[33].abs().max() < 0.02
    assert (hopper.resting - hopper.neutral)[:, :2].abs().max() < 0.35
