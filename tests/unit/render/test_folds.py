"""Expressions that would fold the face: no triangle turns over, however strong the driver and the setting."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.render import plan
from motion_control.engine.render.contacts import unfold
from motion_control.engine.types import RenderSettings


def turned_over(shapes, rest):
    """bool [T, F]: skin triangles whose side changed, of faces [T, 478, 3] against a face at rest."""

    def area(points):
        corner = points[..., regions.open_skin(), :2]
        a, b = corner[..., 1, :] - corner[..., 0, :], corner[..., 2, :] - corner[..., 0, :]
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]

    return area(shapes) * area(rest).sign() < 0


def test_a_dented_cheek_is_relaxed_and_the_rest_is_left():
    rest = canonical_face()
    delta = torch.zeros(3, 478, 3)
    delta[1, 205] = torch.tensor([1.5, 0.0, 0.0])  # one point of the cheek runs over its neighbours
    delta[2, 4, 1] = 0.05
    before = delta.clone()
    assert turned_over(rest + delta, rest)[1].any()
    unfold(delta, rest, regions.open_skin())
    assert not turned_over(rest + delta, rest).any()
    assert torch.equal(delta[[0, 2]], before[[0, 2]])
    far = (rest[:, :2] - rest[205, :2]).norm(dim=1) > 5
    assert torch.equal(delta[1, far], before[1, far])


def lively_face(face, acting, generator):
    """Everything at once, 1.2 times as strong as people do, and the noise of a landmark network."""
    swell = acting.swell()
    delta = acting.jaw_open(face, 3.0 * swell) + acting.lids_closed(face, swell.flip(0) * 0.5)
    for corner, side in zip(regions.MOUTH_CORNERS, (-1, 1)):
        near = torch.exp(-((face[:, :2] - face[corner, :2]).norm(dim=1) / 1.5).square())
        delta = delta + swell[:, None, None] * near[:, None] * torch.tensor([0.9 * side, -0.8, 0.3])
    brows = torch.tensor(regions.RIGHT_BROW + regions.LEFT_BROW)
    delta[:, brows, 1] -= 0.8 * swell[:, None]
    return delta + 0.04 * torch.randn(delta.shape, generator=generator)


@pytest.mark.parametrize("name", ["hopper", "collins"])
@pytest.mark.parametrize("strength", [1.0, 1.5])
def test_a_strong_performance_never_folds_the_skin(name, strength, request, acting):
    identity = request.getfixturevalue(name)
    other = acting.lips_shut(request.getfixturevalue("collins" if name == "hopper" else "hopper").neutral)
    delta = lively_face(other, acting, torch.Generator().manual_seed(5))
    made = plan(acting.perform(other, delta), identity, RenderSettings(expression_strength=strength))
    # the expression in head space, in px of the portrait
    size = (identity.view.points[33] - identity.view.points[263]).norm()
    size = size / (identity.neutral[33] - identity.neutral[263]).norm()
    moved = made.motion.delta / size
    assert moved.norm(dim=2).max() > 1.5
    assert not turned_over(identity.neutral + moved, identity.neutral).any()
