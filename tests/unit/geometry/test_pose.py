"""geometry.pose: similarity fits, head pose and the signs of its angles."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.pose import (
    angles,
    canonical_face,
    fit_similarity,
    head_pose,
    rotation_matrix,
    rotation_vector,
    unpose,
)


@pytest.fixture(scope="module")
def posed():
    """Seven random similarities: scale [7], rotation [7, 3, 3], translation [7, 3]."""
    generator = torch.Generator().manual_seed(3)
    return (
        torch.rand(7, generator=generator) * 20 + 2,
        rotation_matrix(torch.randn(7, 3, generator=generator) * 0.6),
        torch.randn(7, 3, generator=generator) * 100,
    )


def place(face, scale, rotation, translation):
    return scale[:, None, None] * (face @ rotation.mT) + translation[:, None]


def test_a_similarity_is_recovered(posed):
    source = torch.randn(20, 3, generator=torch.Generator().manual_seed(4))
    scale, rotation, translation = fit_similarity(source, place(source, *posed), torch.rand(20) + 0.1)
    torch.testing.assert_close(scale, posed[0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(rotation, posed[1], rtol=0, atol=1e-4)
    torch.testing.assert_close(translation, posed[2], rtol=1e-4, atol=1e-3)


def test_each_frame_may_have_its_own_source(posed):
    source = torch.randn(7, 20, 3, generator=torch.Generator().manual_seed(5))
    found = fit_similarity(source, place(source, *posed), torch.ones(20))
    for value, wanted in zip(found, posed):
        torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-3)


def test_noise_of_a_landmark_network_moves_the_pose_little(posed):
    face = canonical_face()
    target = place(face, *posed)
    # 1 % of the face's width, about what the network is off by
    noise = torch.randn(target.shape, generator=torch.Generator().manual_seed(6)) * 0.15 * posed[0][:, None, None]
    scale, rotation, _ = head_pose(target + noise, face)
    assert ((scale / posed[0]).log().abs() < 0.02).all()
    assert rotation_vector(rotation @ posed[1].mT).norm(dim=1).rad2deg().max() < 2


def test_weights_decide_which_points_count(posed):
    face = canonical_face()
    target = place(face, *posed)
    target[:, [0, 13, 14, 17, 152, 61, 291, 172, 397]] += 30  # lips, chin and jaw are no part of the skull
    for value, wanted in zip(head_pose(target, face), posed):
        torch.testing.assert_close(value, wanted, rtol=1e-4, atol=1e-3)


def test_a_mirrored_face_is_never_fitted_by_a_reflection():
    face = canonical_face()
    _, rotation, _ = fit_similarity(face, (face * torch.tensor([-1.0, 1, 1]))[None], torch.ones(478))
    assert torch.linalg.det(rotation) == pytest.approx(1, abs=1e-4)


def test_unpose_is_the_inverse(posed):
    face = canonical_face()
    torch.testing.assert_close(unpose(place(face, *posed), *posed), face.expand(7, -1, -1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("degrees", [-35.0, 12.0, 35.0])
def test_signs_of_the_angles(acting, degrees):
    """Checked on the canonical face itself: where does the tip of the nose, or the forehead, go?"""
    face = canonical_face()

    def turned(**angle):
        rotation = acting.turn(**angle)
        return angles(rotation)[0].tolist(), (face @ rotation[0].T) - face

    found, motion = turned(yaw=degrees)
    assert found == pytest.approx([degrees, 0, 0], abs=1e-3)
    assert motion[regions.NOSE_TIP, 0] * degrees > 0  # to the right of the picture
    found, motion = turned(pitch=degrees)
    assert found == pytest.approx([0, degrees, 0], abs=1e-3)
    assert motion[regions.NOSE_TIP, 1] * degrees > 0  # looks down
    found, motion = turned(roll=degrees)
    assert found == pytest.approx([0, 0, degrees], abs=1e-3)
    assert motion[regions.FOREHEAD_TOP, 0] * degrees > 0  # clockwise as seen


def test_angles_of_a_combined_turn(acting):
    assert angles(acting.turn(20, -10, 30))[0].tolist() == pytest.approx([20, -10, 30], abs=1e-3)


def test_rotation_vectors_and_matrices_are_each_others_inverse():
    vector = torch.tensor([[0.0, 0, 0], [0.3, -0.2, 0.9], [0, 3.0, 0]])
    torch.testing.assert_close(rotation_vector(rotation_matrix(vector)), vector, rtol=0, atol=1e-5)


def test_the_canonical_face_looks_at_the_camera():
    """x to the subject's left (the right of the picture), y down, z away."""
    face = canonical_face()
    assert face.shape == (478, 3)
    assert face[33, 0] < 0 < face[263, 0] and face[468, 0] < 0 < face[473, 0]  # right eye, left eye
    assert face[regions.FOREHEAD_TOP, 1] < face[regions.NOSE_TIP, 1] < face[regions.CHIN, 1]
    assert face[regions.NOSE_TIP, 2] < face[[127, 356], 2].min()
