"""Which view draws the head: the nearest one, without flicker; a bound frontal picture stays as it is."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.identity import bind_identity
from motion_control.engine.render.figure import build_figure
from motion_control.engine.render.shown_mouth import open_gap
from motion_control.engine.render.views import build_side_views, mirrored, view_shares, with_lent_mouth

RATE = 25.0
SIZE = 320


@pytest.fixture(scope="module")
def bound(collins, authored):
    head = authored.head(collins, (0.40, 0.25, 0.15))
    identity = bind_identity([head.draw(authored.yaw(turn), SIZE) for turn in (0, 38)], ["front", "side"])
    figure = build_figure(identity)
    return identity, figure, build_side_views(identity, figure, 1.0)


def rotations(authored, degrees):
    return torch.stack([authored.yaw(float(turn)) for turn in degrees])


def shares_at(bound, authored, degrees):
    """Shares of the side view for a head that looks by `degrees` [T] to the right of the picture, absolutely."""
    _, figure, sides = bound
    rotation = rotations(authored, degrees) @ figure.facing.T
    return view_shares(sides, figure.facing, rotation, RATE).whole[:, 0]


def test_the_side_view_takes_over_as_the_head_turns_and_fades_within_a_quarter_of_a_second(bound, authored):
    shares = shares_at(bound, authored, torch.linspace(0, 38, 60))
    assert shares[0] == 0 and shares[-1] == 1
    assert (shares.diff() >= 0).all()
    between = ((shares > 0) & (shares < 1)).sum()
    assert 3 <= between <= 0.25 * RATE + 1


def test_a_head_that_rests_where_views_change_does_not_flicker(bound, authored):
    turns = torch.linspace(0, 38, 60)
    shares = shares_at(bound, authored, turns)
    border = turns[int((shares > 0.5).nonzero()[0])]
    swaying = border + 1.2 * torch.sin(torch.arange(100) * 0.9)
    chosen = shares_at(bound, authored, swaying) > 0.5
    assert (chosen[1:] != chosen[:-1]).sum() <= 1


def test_a_cut_changes_the_view_at_once(bound, authored):
    _, figure, sides = bound
    rotation = rotations(authored, [0.0] * 10 + [38.0] * 10) @ figure.facing.T
    whole = view_shares(sides, figure.facing, rotation, RATE, cuts=(10,)).whole[:, 0]
    assert whole.tolist() == [0.0] * 10 + [1.0] * 10


def test_a_resting_frontal_head_is_the_frontal_picture_alone(bound, acting):
    identity, figure, sides = bound
    frames = acting.render(acting.perform(identity.neutral), identity)
    assert acting.psnr(frames[acting.held], identity.view.image) > 30
    alone = acting.render(acting.perform(identity.neutral), bind_identity([identity.view.image]))
    assert acting.psnr(frames[acting.held], alone[acting.held]) > 40  # the depth of its points may differ a little


def test_a_mirrored_view_is_its_own_mirror_image_twice(bound):
    view = bound[0].view
    once = mirrored(view)
    assert once.points[33, 0] == view.image.shape[1] - view.points[263, 0]
    twice = mirrored(once)
    assert torch.equal(twice.image, view.image) and torch.allclose(twice.points, view.points, atol=1e-3)


def test_a_smiling_view_must_be_much_nearer(collins, authored):
    head = authored.head(collins, (0.40, 0.25, 0.15))
    head = replace(head, neutral=collins.resting)
    front = head.draw(authored.yaw(0), SIZE)
    smile = {"mouthSmileRight": 1.0, "mouthSmileLeft": 1.0}
    handicaps = []
    for controls in (None, smile):
        identity = bind_identity([front, head.draw(authored.yaw(38), SIZE, controls)], ["front", "side"])
        figure = build_figure(identity)
        handicaps.append(build_side_views(identity, figure, 1.0)[0].handicap)
    assert handicaps[1] > handicaps[0] + 4


def test_teeth_are_lent_by_the_view_that_shows_them(portraits, acting, hopper):
    """A picture with closed lips borrows the inside of the mouth; in its own light."""
    open_mouth = bind_identity([portraits.whole]).view
    assert open_gap(open_mouth.points) > 0.12
    both = replace(hopper, views=(hopper.view, open_mouth), primary=0)
    plain = build_figure(hopper)
    lent = with_lent_mouth(plain, both)
    assert plain.mouth.shown is None and lent.mouth.shown is not None
    assert with_lent_mouth(plain, hopper).mouth.shown is None
    face = hopper.neutral
    track = acting.perform(acting.lips_shut(face), acting.jaw_open(face, 1.4 * acting.swell()))
    own, borrowed = acting.render(track, hopper)[acting.held], acting.render(track, both)[acting.held]
    x, y = ((hopper.view.points[13, :2] + hopper.view.points[14, :2]) / 2).int().tolist()
    inside = (slice(y, y + 14), slice(x - 14, x + 14))
    assert (own[inside].float() - borrowed[inside].float()).abs().mean() > 4
    assert (own[:60].float() - borrowed[:60].float()).abs().max() <= 1
