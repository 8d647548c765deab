"""Strength of each part of the face: it moves alone, contacts stay exact, nothing folds over."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.face_rig import rig_delta
from motion_control.engine.geometry.pose import canonical_face, head_pose
from motion_control.engine.render.retarget import retarget
from motion_control.engine.render.strength import Strength, point_strength
from motion_control.engine.types import RenderSettings

LIPS = sorted({*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER, *regions.INNER_LIP_UPPER, *regions.INNER_LIP_LOWER})
LIDS = sorted({point for eye in regions.EYES for lid in eye for point in lid})
BROWS = sorted({*regions.RIGHT_BROW, *regions.LEFT_BROW})
PARTS = {"mouth": LIPS, "eyes": LIDS, "brows": BROWS}


def played(identity, acting, controls, **settings):
    """Motion [T, 478, 3] of the character, cm, and the whole HeadMotion."""
    face = acting.lips_shut(canonical_face())
    swell = acting.swell()
    delta = rig_delta(face, {name: value * swell for name, value in controls.items()})
    landmarks = identity.view.points
    motion = retarget(acting.perform(face, delta), landmarks, identity, RenderSettings(**settings))
    return motion.delta / head_pose(landmarks[None], identity.neutral)[0], motion


EVERYTHING = {"jawOpen": 0.7, "mouthSmileRight": 0.6, "eyeBlinkRight": 0.5, "eyeBlinkLeft": 0.5, "browUp": 0.9}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_moves_alone(hopper, acting, part):
    others = {f"{name}_strength": 0.0 for name in PARTS if name != part}
    alone, motion = played(hopper, acting, EVERYTHING | {"gazeX": 0.1}, **others)
    whole, _ = played(hopper, acting, EVERYTHING)
    for name, points in PARTS.items():
        moved = (alone - alone[:1])[acting.held, points].norm(dim=1)
        if name == part:
            expected = (whole - whole[:1])[acting.held, points]
            assert moved.max() > 0.2
            assert ((alone - alone[:1])[acting.held, points] - expected).norm(dim=1).max() < 0.12
        else:
            assert moved.max() < 0.03, name
    assert (motion.gaze.abs().max() > 1) == (part == "eyes")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_played_as_strongly_as_asked(hopper, acting, part):
    """Twice half of it is half of both settings, and a product counts up to 2."""
    half, _ = played(hopper, acting, {"jawOpen": 0.5, "eyeWide": 0.5, "browUp": 0.6}, **{f"{part}_strength": 0.5})
    both, _ = played(
        hopper, acting, {"jawOpen": 0.5, "eyeWide": 0.5, "browUp": 0.6}, expression_strength=0.5,
        **{f"{name}_strength": 2.0 for name in PARTS if name != part},
    )  # fmt: skip
    assert (half - both)[acting.held, PARTS[part]].norm(dim=1).max() < 0.05
    assert Strength.of(RenderSettings(expression_strength=2.0, mouth_strength=1.8)) == (2.0, 2.0, 2.0)


def test_the_strength_between_parts_changes_smoothly():
    face = canonical_face()
    found = point_strength(face, Strength(0.0, 1.0, 2.0))[:, 0]
    assert found[LIPS].max() < 0.01 and (found[LIDS] - 1).abs().max() < 0.01 and found[BROWS].min() > 1.98
    assert 0.1 < found[50] < 0.9 and 0.1 < found[280] < 0.9  # cheeks, between eyes and mouth
    assert torch.equal(point_strength(face, Strength(0.7, 0.7, 0.7)), torch.full((478, 1), 0.7))


@pytest.mark.parametrize("strength", [0.2, 0.5, 1.0, 1.5, 2.0])
@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_contacts_stay_exact_at_every_strength(name, strength, request, acting):
    """Lids that close in the performance close; lips that touch touch, also on a picture with open lips."""
    identity = request.getfixturevalue(name)
    delta, motion = played(
        identity, acting, {"eyeBlinkRight": 1.0, "eyeBlinkLeft": 1.0}, mouth_strength=strength, eyes_strength=strength
    )
    shape = identity.neutral + delta[acting.held]
    for upper, lower in regions.EYES:
        width = (shape[upper[0]] - shape[upper[-1]]).norm()
        assert (shape[list(lower[1:-1]), 1] - shape[list(upper[1:-1]), 1]).abs().max() < 0.03 * width
    assert motion.closed[acting.held].min() > 0.95
    gap = shape[list(regions.INNER_LIP_LOWER[1:-1]), 1] - shape[list(regions.INNER_LIP_UPPER[1:-1]), 1]
    assert gap.abs().max() < 0.02 * (shape[61] - shape[291]).norm()


STRONG = {
    "scream": {"jawOpen": 1.0, "browUp": 1.0, "eyeWide": 1.0},
    "grin": {"mouthSmileRight": 1.0, "mouthSmileLeft": 1.0, "jawOpen": 0.4},
    "wink": {"eyeBlinkRight": 1.0, "mouthSmileRight": 0.8, "browDown": 1.0},
    "kiss": {"mouthPucker": 1.0, "browUp": 0.6},
    "frown": {"browDown": 1.0, "mouthPress": 1.0},
}


def upright(shape):
    """Twice the area of the skin's triangles as the picture shows them [F], cm2."""
    corner = shape[regions.open_skin()][..., :2]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    return first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]


@pytest.mark.parametrize("expression", STRONG)
@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_no_triangle_turns_over_at_one_and_a_half(name, expression, request, acting):
    identity = request.getfixturevalue(name)
    delta, _ = played(identity, acting, STRONG[expression], expression_strength=1.5)
    rest = upright(identity.neutral)
    sign = rest.sum().sign()
    for frame in (0, 4, acting.held):
        now = upright(identity.neutral + delta[frame])
        # where closed lips meet in the corner of the mouth, contacts leave slivers of a quarter of a square millimetre
        turned = (rest * sign > 0) & (now * sign < -0.005)
        assert not turned.any(), [(regions.open_skin()[i].tolist(), float(now[i])) for i in turned.nonzero()[:, 0]]
