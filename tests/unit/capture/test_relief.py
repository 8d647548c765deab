"""Folds of the performer's skin: found where they are, nothing where nothing folds, and carried to the character."""

import pytest
import torch

from motion_control.engine.capture.relief import _skin, read_skin, relief
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.render.relief import apply_relief, relief_maps
from motion_control.engine.tracks import blank_track
from motion_control.engine.types import RELIEF_SIDE
from motion_control.models.face_topology import face_topology

RATE, COUNT, SIZE = 25.0, 32, 400
FOLD = 205
"""A point on the cheek beside the nose."""


def filmed(fold: torch.Tensor, light: torch.Tensor | None = None):
    """Pictures [T, H, W, 3] of a plain face whose cheek darkens by `fold` [T] under light [T], and its points."""
    points = canonical_face() * (SIZE / 24) + torch.tensor([SIZE / 2, SIZE / 2, 0.0])
    y, x = torch.meshgrid(torch.arange(SIZE) + 0.5, torch.arange(SIZE) + 0.5, indexing="ij")
    spot = torch.exp(-((x - points[FOLD, 0]).square() + (y - points[FOLD, 1]).square()) / (2 * 9.0**2))
    light = torch.ones(len(fold)) if light is None else light
    frames = 150 * light[:, None, None] * (1 - fold[:, None, None] * spot) + 0 * x
    return frames[..., None].expand(-1, -1, -1, 3).round().to(torch.uint8), points.expand(len(fold), -1, -1)


def found(fold, light=None):
    frames, points = filmed(fold, light)
    rest = canonical_face()
    shapes = rest.repeat(len(fold), 1, 1)
    shapes[:, 61, 0] -= 0.5 * fold  # where the skin folds the face is not at rest
    turned = torch.eye(3).repeat(len(fold), 1, 1)
    return relief(read_skin(frames, points, torch.ones(len(fold))), turned, shapes, rest, torch.ones(len(fold)), RATE)


def at_fold(maps: torch.Tensor) -> torch.Tensor:
    x, y = (face_topology().uv[FOLD] * RELIEF_SIDE).int().tolist()
    return maps[:, y - 1 : y + 2, x - 1 : x + 2].mean((1, 2))


@pytest.fixture(scope="module")
def swell():
    return 0.25 * (torch.arange(COUNT) / (COUNT - 1) * torch.pi).sin().pow(4)


def test_a_fold_is_found_where_and_when_it_is(swell):
    amount, basis = found(swell)
    maps = torch.einsum("tk,khw->thw", amount, basis)
    here = at_fold(maps)
    assert here[COUNT // 2] < -0.08 and here[0].abs() < 0.03
    x, y = (face_topology().uv[FOLD] * RELIEF_SIDE).tolist()
    row, column = divmod(int(maps[COUNT // 2].argmin()), RELIEF_SIDE)
    assert abs(column - x) < 5 and abs(row - y) < 5


def test_light_on_the_whole_face_is_no_fold(swell):
    amount, basis = found(torch.zeros(COUNT), 1 - 1.5 * swell)
    assert torch.einsum("tk,khw->thw", amount, basis).abs().max() < 0.03


def test_eyes_lips_and_brows_are_left_out():
    trust = torch.zeros(RELIEF_SIDE**2)
    trust[_skin().index] = _skin().trust
    trust = trust.view(RELIEF_SIDE, RELIEF_SIDE)
    for point in (33, 159, 13, 61, 105, 334, 2):
        x, y = (face_topology().uv[point] * RELIEF_SIDE).int().tolist()
        assert trust[y, x] < 0.1, point


def test_a_face_that_is_not_seen_has_no_relief():
    frames, points = filmed(torch.zeros(4))
    skin = read_skin(frames, points, torch.zeros(4))
    rest = canonical_face()
    amount, basis = relief(skin, torch.eye(3).repeat(4, 1, 1), rest.repeat(4, 1, 1), rest, torch.zeros(4), RATE)
    assert not amount.any() and not basis.any()


def track_with_fold(swell):
    from dataclasses import replace
    from fractions import Fraction

    amount, basis = found(swell)
    track = blank_track(torch.arange(COUNT, dtype=torch.float64) / RATE, Fraction(25), SIZE, SIZE)
    return replace(track, relief=amount, relief_basis=basis)


def test_strength_acts_on_the_relief_and_zero_takes_it_out(swell):
    track = track_with_fold(swell)
    one, half, none = (relief_maps(track, None, torch.full((478, 1), value)) for value in (1.0, 0.5, 0.0))
    assert at_fold(one)[COUNT // 2] < 1.5 * at_fold(half)[COUNT // 2] < 0
    assert none.shape[-1] == 0
    cheek = torch.ones(478, 1)
    cheek[FOLD] = 0
    assert at_fold(relief_maps(track, None, cheek))[COUNT // 2] > at_fold(one)[COUNT // 2]


def test_shade_is_redder_and_burnt_skin_keeps_white():
    skin = torch.tensor([[0.6], [0.45], [0.4]])
    shaded = apply_relief(skin, torch.tensor([-0.2]))
    assert (shaded < skin).all() and shaded[0] / shaded[2] > skin[0] / skin[2]
    white = torch.ones(3, 1)
    assert apply_relief(white, torch.tensor([-0.2])).min() > 0.93


def test_a_fold_shows_on_the_character(acting, hopper, swell):
    """Drawn on a portrait: darker where the performer folds, and nowhere else."""
    from dataclasses import replace

    played = acting.perform(hopper.neutral)
    weight = torch.zeros(len(played))
    weight[acting.held] = 1
    amount, basis = found(swell)
    fold = replace(played, relief=weight[:, None] * amount[COUNT // 2], relief_basis=basis)
    plain, folded = acting.render(played, hopper)[acting.held], acting.render(fold, hopper)[acting.held]
    darker = (plain.float() - folded.float()).mean(2)
    x, y = hopper.view.points[FOLD, :2].int().tolist()
    assert darker[y - 3 : y + 4, x - 3 : x + 4].mean() > 6
    assert darker.abs().mean() < 1
