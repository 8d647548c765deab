"""Expressions that would fold the face: no triangle turns over, however strong the driver and the setting."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.geometry.unfold import unfold
from motion_control.engine.render import plan
from motion_control.engine.types import RenderSettings


def areas(points):
    """Signed area of every skin triangle, cm2 [..., F], of faces [..., 478, 3] in head space."""
    corner = points[..., regions.open_skin(), :2]
    a, b = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
    return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]) / 2


def turned_over(shapes, rest):
    """How much skin shows its wrong side, cm2 [T]."""
    return -(areas(shapes) * areas(rest).sign()).clamp(max=0).sum(1)


def test_a_dented_cheek_is_relaxed_and_the_rest_is_left():
    rest = canonical_face()
    delta = torch.zeros(3, 478, 3)
    delta[1, 205] = torch.tensor([1.5, 0.0, 0.0])  # one point of the cheek runs over its neighbours
    delta[2, 4, 1] = 0.05
    before = delta.clone()
    assert turned_over(rest + delta, rest)[1] > 0.1
    unfold(delta, rest, regions.open_skin())
    assert turned_over(rest + delta, rest).max() == 0
    assert torch.equal(delta[[0, 2]], before[[0, 2]])
    far = (rest[:, :2] - rest[205, :2]).norm(dim=1) > 5
    assert torch.equal(delta[1, far], before[1, far])


def worst_fold(identity, face, delta, strength, acting) -> float:
    """cm2 of skin that is turned over in the worst frame of what the identity makes of a performance."""
    made = plan(acting.perform(face, delta), identity, RenderSettings(expression_strength=strength))
    size = (identity.view.points[33] - identity.view.points[263]).norm()
    moved = made.motion.delta / size * (identity.neutral[33] - identity.neutral[263]).norm()
    assert moved.norm(dim=2).max() > 0.8
    return float(turned_over(identity.neutral + moved, identity.neutral).max())


@pytest.fixture(scope="module")
def speech(acting):
    """A face with its lips together, and how it opens its mouth; nothing folds in the driver itself."""
    face = acting.lips_shut(canonical_face())
    delta = acting.jaw_open(face, 1.2 * acting.swell())
    assert turned_over(face + delta, face).max() == 0
    return face, delta


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_noisy_landmarks_at_high_strength_hardly_fold_the_skin(name, speech, request, acting):
    face, delta = speech
    noise = 0.05 * torch.randn(delta.shape, generator=torch.Generator().manual_seed(5))
    assert worst_fold(request.getfixturevalue(name), face, delta + noise, 1.5, acting) < 1.0


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_an_open_mouth_folds_next_to_nothing(name, speech, request, acting):
    assert worst_fold(request.getfixturevalue(name), *speech, 1.5, acting) < 0.1
