"""Gains that are measured on the character's own face, and the lashes of a closing eye."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.render import plan
from motion_control.engine.render.figure import build_figure
from motion_control.engine.render.lashes import STRENGTH, lash_cover
from motion_control.engine.render.response import LIMITS, channels, fit_gains, gains_from_reading
from motion_control.engine.render.retarget import PLAIN, Gains, expression_delta, performer_shapes, retarget
from motion_control.engine.render.strength import Strength
from motion_control.engine.types import RenderSettings


def readings(slopes, noise=0.0, spread=0.1):
    """Performance [9, 4] and what was read of it."""
    played = torch.linspace(0, spread, 9)[:, None].repeat(1, 4)
    generator = torch.Generator().manual_seed(3)
    return played, played * torch.tensor(slopes) + noise * torch.randn(9, 4, generator=generator)


def test_what_reads_weaker_is_played_stronger_within_limits():
    gains = gains_from_reading(*readings([0.9, 0.9, 1.2, 0.9]), Gains())
    assert gains.mouth_open == pytest.approx(1 / 0.9)
    assert gains.mouth_width == pytest.approx(Gains().mouth_width / 0.9)
    assert gains.brows == pytest.approx(Gains().brows / 1.2)
    weak, strong = (gains_from_reading(*readings([slope] * 4), Gains()) for slope in (0.2, 3.0))
    assert tuple(weak) == tuple(high for _, high in LIMITS)
    assert tuple(strong) == tuple(low for low, _ in LIMITS)


def test_a_reading_that_does_not_follow_changes_nothing():
    assert gains_from_reading(*readings([0.5] * 4, noise=1.0), Gains()) == Gains()
    assert gains_from_reading(*readings([0.5] * 4, spread=0.001), Gains()) == Gains()
    few = (part[:2] for part in readings([0.5] * 4))
    assert gains_from_reading(*few, Gains()) == Gains()


def wide_mouth(face, amount):
    """Motion [T, 478, 3] of the mouth's corners apart, `amount` [T] cm each, fading over the cheeks."""
    near = torch.exp(-(torch.cdist(face[:, :2], face[[61, 291], :2]).amin(1) / 1.5).square())
    side = torch.where(face[:, 0] < face[13, 0], -1.0, 1.0)
    return amount[:, None, None] * (near * side)[:, None] * torch.tensor([1.0, 0.0, 0.0])


def test_the_measured_gain_brings_the_drawn_mouth_nearer_to_the_performance(hopper, acting):
    face = acting.lips_shut(canonical_face())
    track = acting.perform(face, wide_mouth(face, 0.8 * acting.swell()))
    gains = fit_gains(track, build_figure(hopper), hopper)
    assert all(low <= gain <= high for gain, (low, high) in zip(gains, LIMITS))
    assert gains.brows == Gains().brows  # not moved, not measured
    wanted = channels(performer_shapes(track))[:, 1]
    wanted = wanted[acting.held] / wanted[0]

    def drawn(which):
        made = plan(track, hopper, RenderSettings())
        motion = retarget(track, made.figure.landmarks, hopper, RenderSettings(), which)
        from motion_control.engine.render import render_frames

        frames = torch.cat(list(render_frames(replace(made, motion=motion))))
        rest, wide = (acting.find_face(frames[i]) for i in (0, acting.held))
        width = [(p[61] - p[291])[:2].norm() / (p[33] - p[263])[:2].norm() for p in (rest, wide)]
        return float(width[1] / width[0])

    without, with_gain = drawn(PLAIN), drawn(gains)
    assert abs(with_gain - wanted) < abs(without - wanted)


def test_contacts_stay_exact_under_every_gain(hopper, acting):
    face = acting.lips_shut(canonical_face())
    swell = acting.swell()
    delta = acting.jaw_open(face, 2 * swell) + acting.lids_closed(face, swell)
    track = acting.perform(face, delta)
    base = type("Base", (), {"shape": track.neutral, "from_character": False})()
    highest = Gains(*(high for _, high in LIMITS))
    moved, closed = expression_delta(performer_shapes(track), base, hopper.neutral, hopper.neutral, Strength(), highest)
    shapes = hopper.neutral + moved
    gap = (shapes[:, 14, 1] - shapes[:, 13, 1]).clamp_min(0)
    assert gap[0] < 0.05 and gap[acting.held] > 1.0
    assert closed[acting.held].min() > 0.98
    lids = shapes[acting.held, 145, 1] - shapes[acting.held, 159, 1]
    assert abs(float(lids)) < 0.03


def test_the_line_of_the_lashes_is_drawn_where_a_lid_closes(collins):
    figure = build_figure(collins)
    eye = figure.eyeballs[0]
    points = figure.points[None]
    lid = points[0, 159, :2]
    pixel = torch.stack([lid, lid + torch.tensor([0.0, -0.3 * eye.width])])
    distance = torch.tensor([0.0, 0.3 * eye.width])
    frame = torch.zeros(2, dtype=torch.long)
    shut = lash_cover(eye, 0, points, torch.ones(1), pixel, frame, distance)
    assert shut[0] == pytest.approx(STRENGTH, rel=0.05) and shut[1] < 0.01
    assert lash_cover(eye, 0, points, torch.zeros(1), pixel, frame, distance).max() == 0


def test_a_closing_eye_shows_the_colour_of_its_lashes(collins, acting):
    from motion_control.engine.render import render_frames

    face = acting.lips_shut(canonical_face())
    track = acting.perform(face, acting.lids_closed(face, acting.swell()))
    made = plan(track, collins, RenderSettings())
    green = tuple(replace(eye, lash=torch.tensor([0.0, 1.0, 0.0])) for eye in made.figure.eyeballs)
    frames = [
        torch.cat(list(render_frames(one))).float()
        for one in (made, replace(made, figure=replace(made.figure, eyeballs=green)))
    ]
    change = (frames[1] - frames[0])[..., 1].amax((1, 2))
    assert change[0] == 0 and change[acting.held] > 60
