"""What a person reads about a character: angles, advice, verdicts, and the picture of it."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.identity import bind_identity, draw_card, report_text
from motion_control.engine.identity.coverage import cover
from motion_control.engine.types import Check


def names(directions):
    return {one.name for one in directions}


def test_a_frontal_picture_covers_the_front_and_asks_for_both_sides():
    found = cover([(0.0, 0.0)], 0)
    assert names(found.covered) == {"front"} and (found.left, found.right) == (-25, 25)
    assert len(found.advice) == 2 and "left of the picture" in found.advice[0] and "right" in found.advice[1]


def test_a_full_set_asks_for_nothing():
    found = cover([(0, 0), (-40, 2), (38, -3), (-75, 0), (75, 0), (0, 28), (0, -25)], 0)
    assert found.missing == () and found.advice == () and (found.left, found.right) == (-100, 100)


def test_the_turn_ends_at_a_gap():
    found = cover([(-5, 0), (35, 0), (80, 0), (-70, 0), (20, 40)], 0)
    assert found.right == 105 and found.left == -30  # 35 + 25 reaches 80 - 25; -70 + 25 does not reach -30
    assert names(found.covered) == {"front", "three-quarter right", "side left", "side right"}


def test_a_turned_picture_alone_asks_for_a_frontal_one():
    found = cover([(42, 0)], 0)
    assert "frontal" in found.advice[0] and (found.left, found.right) == (17, 67)


def test_the_report_names_angles_and_what_to_add(hopper):
    text = report_text(hopper)
    assert "angles covered: front; not covered: three-quarter left" in text
    assert "advice: add a three-quarter view that looks to the left of the picture" in text
    assert text.startswith("WARN hopper (rendered): yaw") and "the head can turn from " in text


def test_the_report_says_which_half_is_mirrored_and_which_view_adds_no_angle(hopper):
    assert "half of the face" not in report_text(hopper)
    confidence = hopper.atlas_confidence.clone()
    confidence[:, 512:] = 60
    hand = replace(hopper.view, name="hand", covered=True)
    text = report_text(replace(hopper, views=(hopper.view, hand), atlas_confidence=confidence))
    assert "the subject's left half of the face is hardly shown (0%): it is mirrored from the other" in text
    assert "hand adds no angle: a hand is at the head" in text
    assert "half" not in report_text(replace(hopper, atlas=None, atlas_confidence=None))


def test_another_view_may_look_anywhere_and_smile(hopper):
    """Only the rendered picture is asked for a frontal, calm face."""
    checks = tuple(
        replace(one, verdict="fail") if one.name in ("facing", "neutral expression") else replace(one, verdict="pass")
        for one in hopper.view.checks
    )
    turned = replace(hopper.view, name="turned", checks=checks)
    both = replace(hopper, views=(hopper.view, turned))
    assert "PASS turned: " in report_text(both) and "FAIL turned (rendered)" in report_text(replace(both, primary=1))


def test_hands_at_the_head_and_useless_pictures_are_told(hopper, portraits):
    from motion_control.engine.identity.checks import check_view

    verdicts = {one.name: one.verdict for one in check_view(replace(hopper.view, covered=True))}
    assert verdicts["head free"] == "warn"
    assert "head free" not in {one.name for one in check_view(hopper.view)}
    black = bind_identity([(portraits.hopper * 0.05).to(torch.uint8)])
    assert {one.name: one.verdict for one in black.view.checks}["exposure"] == "fail"


def coloured(card, colour, area) -> int:
    """How many pixels of an area (rows, columns) have a colour."""
    return int((card[area].int() - torch.tensor(colour)).abs().amax(-1).le(6).sum())


LEFT, RIGHT = (slice(90, None), slice(0, 630)), (slice(90, 426), slice(640, None))
GREEN, AMBER, RED, BLUE = (88, 196, 120), (240, 180, 60), (235, 92, 84), (94, 178, 255)


def test_the_card_shows_verdicts_and_angles(hopper, collins):
    card = draw_card(hopper)
    assert card.dtype == torch.uint8 and card.shape[1:] == (1280, 3) and 300 < card.shape[0] < 1000
    assert coloured(card, AMBER, LEFT) > 300 and coloured(card, RED, LEFT) < 20  # too small is a warning
    assert coloured(card, AMBER, RIGHT) > 100  # the two pictures to add
    fine = replace(hopper, views=(replace(hopper.view, checks=(Check("size", "pass", "1", "1"),)),))
    assert coloured(draw_card(fine), AMBER, LEFT) < 20 and coloured(draw_card(fine), GREEN, LEFT) > 300
    bad = replace(hopper, views=(replace(hopper.view, checks=(Check("size", "fail", "1", "9", "take another"),)),))
    assert coloured(draw_card(bad), RED, LEFT) > 300
    more = draw_card(replace(hopper, views=(hopper.view, collins.view, hopper.view, hopper.view)))
    assert more.shape[0] > card.shape[0] and not torch.equal(more[90:400, 640:], card[90:400, 640:])


@pytest.mark.parametrize("count", [1, 40])
def test_long_names_and_many_images_fit(hopper, count):
    view = replace(hopper.view, name="a very long name of a picture " * 9, image=hopper.view.image)
    card = draw_card(replace(hopper, views=(view,) * count))
    assert card.shape[1] == 1280 and card.shape[0] < 3500
    assert coloured(card, (24, 25, 28), (slice(None), slice(1256, None))) == card.shape[0] * 24  # the margin is free
    assert coloured(card, (24, 25, 28), (slice(90, None), slice(623, 639))) == (card.shape[0] - 90) * 16


def test_a_face_at_the_border_and_names_in_other_scripts_are_drawn(hopper):
    points = hopper.view.points.clone()
    points[:, :2] -= 150
    draw_card(replace(hopper, views=(replace(hopper.view, points=points, name="主人公 é"),)))
