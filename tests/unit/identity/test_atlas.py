"""The unwrapped skin: true where it is seen, of one brightness, honest about what no picture shows."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.sampling import sample
from motion_control.engine.identity.atlas import SIDE, build_atlas
from motion_control.engine.types import View
from motion_control.models.face_topology import face_topology

SIZE = 400


@pytest.fixture(scope="module")
def authored():
    """Heads with known views, see the renderer's tests."""
    path = Path(__file__).parents[1] / "render" / "conftest.py"
    spec = importlib.util.spec_from_file_location("authored_heads", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return SimpleNamespace(head=module.AuthoredHead.of, yaw=module.yaw)


@pytest.fixture(scope="module")
def head(authored, hopper):
    return authored.head(hopper, (0.3, 0.2, 0.1))


@pytest.fixture(scope="module")
def seen_from(authored, head):
    def made(yaw: float, brightness: float = 1.0, covered=False) -> View:
        rotation = authored.yaw(yaw)
        picture = (head.draw(rotation, SIZE).float() * brightness).round().to(torch.uint8)
        return View(f"{yaw}", picture, head.posed(rotation, SIZE), torch.ones(SIZE, SIZE), None, (), covered)

    return made


def at_points(picture: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Colours [n, 3] 0..1 of a picture uint8 [H, W, 3]."""
    return sample(picture.permute(2, 0, 1).float() / 255, points[:, :2]).T


@pytest.fixture(scope="module")
def truth(head):
    """The colour of every skin point, and which points lie on plain skin away from eyes and mouth."""
    colour = sample(head.picture, head.points[:468]).T
    parts = [point for pair in regions.EYES for lid in pair for point in lid]
    parts += [*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER]
    away = torch.cdist(head.neutral[:468, :2], head.neutral[parts, :2]).amin(1) > 0.8
    return colour, away


def atlas_at_points(atlas) -> tuple[torch.Tensor, torch.Tensor]:
    places = face_topology().uv * SIDE
    return at_points(atlas.colour, places), at_points(atlas.confidence[..., None].expand(-1, -1, 3), places)[:, 0]


def side_of(head) -> torch.Tensor:
    """x of every point in cm, > 0 on the right of the picture."""
    return head.neutral[:468, 0]


def test_skin_that_is_seen_well_is_the_pictures_own(seen_from, truth):
    view = seen_from(0)
    atlas = build_atlas([view], 0)
    assert atlas.colour.shape == (SIDE, SIDE, 3) and atlas.confidence.shape == (SIDE, SIDE)
    assert atlas.colour.dtype == atlas.confidence.dtype == torch.uint8
    colour, confidence = atlas_at_points(atlas)
    sure = (confidence > 0.95) & truth[1]
    assert sure.sum() > 100
    assert (colour - at_points(view.image, view.points[:468]))[sure].abs().mean() < 0.012


def test_two_sides_in_different_light_become_one_face(seen_from, truth, head):
    atlas = build_atlas([seen_from(-40), seen_from(40, brightness=0.65)], 0)
    colour, confidence = atlas_at_points(atlas)
    # the half that the darker view shows best
    for half in (side_of(head) < -3, side_of(head) > 3):
        chosen = half & truth[1] & (confidence > 0.9)
        assert chosen.sum() > 20
        assert float(colour[chosen].mean() / truth[0][chosen].mean()) == pytest.approx(1, abs=0.1)


def test_what_no_view_shows_is_mirrored_and_says_so(seen_from, head):
    atlas = build_atlas([seen_from(50)], 0)
    _, confidence = atlas_at_points(atlas)
    hidden, shown = side_of(head) > 5.5, side_of(head) < -5.5
    shown &= head.neutral[:468, 2] < 2
    assert confidence[shown].median() > 0.8
    assert 0.1 < confidence[hidden].median() <= 0.31
    flipped = build_atlas([seen_from(50)], 0).colour.flip(1).float()
    band = slice(int(0.8 * SIDE), int(0.9 * SIDE)), slice(int(0.35 * SIDE), int(0.55 * SIDE))
    here, there = atlas.colour[band[1], band[0]].float(), flipped[band[1], band[0]]
    a, b = here - here.mean((0, 1)), there - there.mean((0, 1))
    assert float((a * b).sum() / (a.norm() * b.norm())) > 0.8


def test_a_second_view_replaces_the_mirror(seen_from, head):
    one, two = (
        atlas_at_points(build_atlas(views, 0))[1] for views in ([seen_from(50)], [seen_from(50), seen_from(-50)])
    )
    hidden = (side_of(head) > 5.5) & (head.neutral[:468, 2] < 2)
    assert two[hidden].median() > 0.8 > 0.31 >= one[hidden].max()


def test_eyes_mouth_and_what_lies_beside_the_face_are_only_filled(seen_from):
    atlas = build_atlas([seen_from(0)], 0)
    uv = face_topology().uv * SIDE
    for lids in regions.EYES:
        x, y = (uv[lids[0][4]] + uv[lids[1][4]]).div(2).int().tolist()
        assert atlas.confidence[y, x] == 0
    assert atlas.confidence[:40].max() == 0
    assert atlas.colour.float().std((0, 1)).max() < 90 and atlas.colour[:40].float().mean() > 20  # no holes in black


def test_a_view_with_a_hand_at_the_head_gives_way(seen_from, truth, head):
    """Its face is painted with green dots here, as a hand would cover it."""
    hand = seen_from(0, covered=True)
    green = torch.zeros_like(hand.image)
    green[::2, ::2, 1] = 200
    hand = View(hand.name, green, hand.points, hand.matte, None, (), True)
    colour, _ = atlas_at_points(build_atlas([seen_from(10), hand], 0))
    middle = truth[1] & (side_of(head).abs() < 4)
    assert (colour - truth[0])[middle].abs().mean() < 0.05
