"""Faces that a user places by a few points: what the points may be, and a drawn face that no network finds."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from motion_control.engine.errors import IdentityError
from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.face_rig import rig_delta
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.identity import bind_identity, report_text
from motion_control.engine.identity.face_points import parse_face_points

EYES = ((130, 200), (270, 200))
EYE = (40, 50)
"""Half width and half height."""
MOUTH, MOUTH_HALF = (200, 300), 14
CHIN = (200, 350)
POINTS = "right_eye 130,200; left_eye 270,200; mouth_right 186,300; mouth_left 214,300; chin 200,350"
SIDES = "; right_side 50,230; left_side 350,230"


def drawn_face() -> torch.Tensor:
    """A grey creature with large eyes and a small mouth, uint8 [400, 400, 3]."""
    picture = Image.new("RGB", (800, 800), (200, 190, 160))
    draw = ImageDraw.Draw(picture)

    def ellipse(x, y, half_width, half_height, **colours):
        box = [x - half_width, y - half_height, x + half_width, y + half_height]
        draw.ellipse([2 * value for value in box], **colours)

    ellipse(200, 230, 150, 120, fill=(120, 120, 126), outline=(20, 20, 20), width=6)
    for x, y in EYES:
        ellipse(x, y, *EYE, fill=(250, 250, 200), outline=(20, 20, 20), width=6)
        ellipse(x, y, 14, 24, fill=(20, 20, 20))
    draw.line([2 * (MOUTH[0] - MOUTH_HALF), 600, 2 * (MOUTH[0] + MOUTH_HALF), 600], fill=(20, 20, 20), width=6)
    return torch.from_numpy(np.array(picture.resize((400, 400), Image.Resampling.LANCZOS)))


@pytest.fixture(scope="module")
def creature():
    return bind_identity([drawn_face()], ["creature.png"], face_points=POINTS + SIDES)


def test_without_points_the_remedy_is_named():
    with pytest.raises(IdentityError, match=r"^No face was found in creature\.png; .* face_points \('right_eye .*\.$"):
        bind_identity([drawn_face()], ["creature.png"])


def test_the_face_sits_on_the_points(creature):
    points = creature.view.points[:, :2]
    for place, point in ((MOUTH, [61, 291]), (CHIN, [152])):
        assert (points[point].mean(0) - torch.tensor(place)).norm() < 1
    assert points[61, 0] == pytest.approx(186, abs=1.5) and points[291, 0] == pytest.approx(214, abs=1.5)
    assert points[234, 0] == pytest.approx(50, abs=1.5) and points[454, 0] == pytest.approx(350, abs=1.5)
    gap = points[list(regions.INNER_LIP_LOWER), 1] - points[list(regions.INNER_LIP_UPPER), 1]
    assert gap.abs().max() < 0.5
    assert "at the points given" in report_text(creature)


def test_the_openings_have_the_size_of_the_drawn_eyes(creature):
    """Only the middle of each eye was given: its size is measured."""
    points = creature.view.points[:, :2]
    for (upper, lower), iris, middle in zip(regions.EYES, regions.IRISES, EYES, strict=True):
        ring = (points[sorted({*upper, *lower})] - torch.tensor(middle)) / torch.tensor(EYE)
        assert (ring.norm(dim=1) - 1).abs().max() < 0.12
        assert (points[iris[0]] - torch.tensor(middle)).norm() < 3


def test_nothing_is_folded(creature):
    corner = creature.view.points[regions.open_skin()][..., :2]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    assert (area * area.sum().sign() < -1).sum() == 0  # px2, twice the area


def test_parts_of_the_picture_and_lines_mean_the_same(creature):
    text = "\n".join(
        f"{name.strip()}: {float(x) / 400} {float(y) / 400}"
        for name, x, y in (part.strip().replace(",", " ").rsplit(" ", 2) for part in (POINTS + SIDES).split(";"))
    )
    bound = bind_identity([drawn_face()], ["creature.png"], face_points=text)
    assert (bound.view.points - creature.view.points).abs().max() < 0.1


def test_given_openings_win_over_measured_ones():
    more = "; right_eye_outer 100,204; right_eye_inner 160,204; right_eye_top 130,180; right_eye_bottom 130,220"
    points = bind_identity([drawn_face()], ["x"], face_points=POINTS + more).view.points[:, :2]
    for point, place in ((33, (100, 204)), (133, (160, 204)), (159, (130, 180)), (145, (130, 220))):
        assert (points[point] - torch.tensor(place)).norm() < 5


def test_a_performance_moves_the_drawn_eyes_and_mouth(creature, acting):
    """Blinking hides the pale eyes where they are drawn; an opening mouth is dark where it is drawn."""
    face = acting.lips_shut(canonical_face())
    swell = acting.swell()

    def frames(**controls):
        delta = rig_delta(face, {name: value * swell for name, value in controls.items()})
        film = acting.render(acting.perform(face, delta), creature)
        return film[0].float().mean(-1), film[acting.held].float().mean(-1)

    rest, blink = frames(eyeBlinkRight=1.0, eyeBlinkLeft=1.0)
    for x, y in EYES:
        box = slice(y - EYE[1], y + EYE[1]), slice(x - EYE[0], x + EYE[0])
        assert (rest[box] > 200).float().mean() > 0.45 and (blink[box] > 200).float().mean() < 0.04
    away = slice(260, 340), slice(60, 140)
    assert (rest[away] - blink[away]).abs().mean() < 2
    rest, speech = frames(jawOpen=0.7)
    box = slice(290, 335), slice(175, 225)
    assert (rest[box] < 80).sum() < 120 and (speech[box] < 80).sum() > 2 * (rest[box] < 80).sum()
    rows = (speech[box] < 80).any(1).nonzero()[:, 0]
    assert int(rows.max() - rows.min()) > 10


def test_a_photograph_placed_roughly_keeps_the_network_s_reading(portraits, hopper):
    found = hopper.view.points[:, :2]
    eyes = [found[list(pair)].mean(0) for pair in regions.EYE_CORNERS]
    places = dict(zip(("right_eye", "left_eye"), eyes, strict=True)) | {
        "mouth": found[[61, 291]].mean(0) + 2, "chin": found[152] + torch.tensor([3.0, -2.0])
    }  # fmt: skip
    text = "; ".join(f"{name} {float(x):.1f},{float(y):.1f}" for name, (x, y) in places.items())
    bound = bind_identity([portraits.hopper], ["x"], face_points=text)
    assert "network finds it too" in report_text(bound)
    assert (bound.view.points - hopper.view.points)[:468, :2].norm(dim=1).mean() < 5


BAD = {
    "name": ("rigth_eye 1,2", "name 'rigth_eye'.*right_eye is meant perhaps"),
    "no number": ("chin 210", "'chin 210' where a name and two numbers"),
    "twice": ("chin 1,2; chin 3,4", "chin twice"),
    "few": ("right_eye 130,200; left_eye 270,200", "lacks mouth and chin"),
    "half a mouth": (POINTS.replace("mouth_left 214,300; ", ""), "lacks mouth"),
    "outside": (POINTS.replace("200,350", "200,450"), "chin at 200,450 and a.png is 400x400 px"),
    "negative": (POINTS.replace("200,350", "-3,350"), "chin at -3,350"),
    "swapped eyes": ("right_eye 270,200; left_eye 130,200; mouth 200,300; chin 200,350", "right_eye and left_eye swap"),
    "swapped mouth": (POINTS.replace("186", "230"), "mouth_right and mouth_left swapped"),
    "mouth": ("right_eye 130,200; left_eye 270,200; mouth 200,370; chin 200,350", "between the eyes and the chin"),
    "eyes": ("right_eye 199,200; left_eye 201,200; mouth 200,300; chin 200,350", "2 px apart"),
}


@pytest.mark.parametrize("text, words", BAD.values(), ids=BAD)
def test_one_sentence_for_points_that_cannot_be(text, words):
    with pytest.raises(IdentityError, match=words) as problem:
        parse_face_points(text, 400, 400, "a.png")
    assert str(problem.value).startswith("face_points ") and str(problem.value).endswith(".")
    assert "\n" not in str(problem.value)


def test_a_head_that_lies_on_its_side_is_no_swap():
    found = parse_face_points("right_eye 200,130; left_eye 200,270; mouth 100,200; chin 50,200", 400, 400, "a.png")
    assert found["chin"].tolist() == [50, 200]
