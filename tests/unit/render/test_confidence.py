"""Confidence: 1 at rest, falling as the head turns away from the pictures, in figures, in words and per pixel."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.identity.coverage import coverage
from motion_control.engine.render import confidence_map, plan
from motion_control.engine.render.confidence import skin_confidence
from motion_control.engine.render.draw import pose_face
from motion_control.engine.render.play import build_figure, build_side_views
from motion_control.engine.types import RenderSettings, View


def planned(identity, acting, rotation=None, track=None):
    track = track or acting.perform(identity.neutral, rotation=rotation)
    return plan(track, identity, RenderSettings(max_side=256, orientation="video"))


@pytest.fixture(scope="module")
def turning(hopper, acting):
    return planned(hopper, acting, acting.turn(torch.linspace(0, -60, acting.frames)))


@pytest.fixture(scope="module")
def from_the_left(hopper, authored):
    """A view of the same head that looks 40 degrees to the left of the picture."""
    head = authored.head(hopper, (0.3, 0.2, 0.1))
    rotation = authored.yaw(-40)
    return View("left", head.draw(rotation, 400), head.posed(rotation, 400), torch.ones(400, 400), None)


def test_at_rest_everything_is_certain(hopper, acting):
    made = planned(hopper, acting)
    assert made.confidence.frame.shape == (acting.frames,) and made.confidence.frame.min() > 0.98
    assert made.report["confidence"] == {"least": pytest.approx(1, abs=0.02), "mean": 1, "frames_below_half": 0}
    assert made.report["confidence_notes"] == ()
    found = confidence_map(made, slice(3, 5))
    assert found.shape == (2, made.height, made.width) and found.dtype == torch.float32
    x, y, height = (value * float(made.camera.zoom[0]) for value in made.figure.face_box)
    face = found[:, int(y - 0.3 * height) : int(y + 0.3 * height), int(x - 0.25 * height) : int(x + 0.25 * height)]
    assert face.min() > 0.95


def test_it_falls_as_the_head_turns_away(turning):
    found = turning.confidence
    assert found.away[0] < 8 and found.away[-1] > 45
    assert (found.frame.diff() < 0.01).all()
    assert found.frame[found.away < 20].min() > 0.85 and found.frame[found.away > 45].max() < 0.15


def test_the_report_says_by_how_much_and_what_to_add(turning):
    figures, notes = turning.report["confidence"], turning.report["confidence_notes"]
    assert figures["least"] < 0.15 and 0.1 < figures["frames_below_half"] < 0.6
    (line,) = notes
    degrees = int(line.split("turns ")[1].split()[0])
    assert degrees == pytest.approx(float(turning.confidence.away.max()), abs=3)
    assert line.endswith("add a three-quarter view that looks to the left of the picture")


def test_a_picture_from_there_makes_it_certain(hopper, turning, from_the_left, acting):
    both = replace(hopper, views=(hopper.view, from_the_left))
    made = planned(both, acting, acting.turn(torch.linspace(0, -60, acting.frames)))
    assert made.confidence.frame.min() > 0.8 > turning.confidence.frame.min()
    assert made.report["confidence_notes"] == ()
    cheek = pose_face(made.figure, made.motion, made.camera, slice(0, None)).points[-1, 376, :2].int()
    assert confidence_map(made, slice(21, 22))[0, cheek[1], cheek[0]] > 0.95


def test_the_mirror_image_of_a_picture_is_half_as_good(hopper, from_the_left, acting):
    both = replace(hopper, views=(hopper.view, from_the_left))
    made = planned(both, acting, acting.turn(torch.linspace(0, 60, acting.frames)))
    assert 0.35 < made.confidence.frame[-1] <= 0.5
    first, second = made.report["confidence_notes"]
    assert "looks to the right of the picture" in first and second.startswith("a mirrored picture stands for the side")


def test_a_hidden_face_is_uncertain(hopper, acting):
    track = acting.perform(hopper.neutral)
    seen = track.face_confidence.clone()
    seen[:6] = 0
    made = planned(hopper, acting, track=replace(track, face_confidence=seen))
    assert made.confidence.frame[:6].max() == 0 and made.confidence.frame[6:].min() > 0.9
    assert made.report["confidence_notes"] == ("the performer's face is hidden or uncertain in 27 % of the frames",)


def test_the_map_marks_what_is_stretched_and_what_the_figure_hid(hopper, acting):
    made = planned(hopper, acting)
    made = replace(made, motion=replace(made.motion, rotation=acting.turn(-40.0).expand(acting.frames, 3, 3)))
    found = confidence_map(made, slice(0, 1))[0]
    points = pose_face(made.figure, made.motion, made.camera, slice(0, 1)).points[0]

    def at(number):
        x, y = points[number, :2].int().tolist()
        return float(found[y, x])

    near, nose = at(376), at(1)  # the cheek that turns to the viewer
    assert nose > 0.9 and near < 0.75
    skin, drawn = skin_confidence(made.figure, made.motion.rotation, (), None, slice(0, 1))
    sure = (made.figure.mesh_trust[:468] > 0.9) & (drawn[0] > 0.3 * drawn.max())
    assert sure.sum() > 30
    there = torch.tensor([at(int(number)) for number in sure.nonzero()[:, 0]])
    assert (there - skin[0, sure]).abs().mean() < 0.025
    # beside the head that turned away, where the figure was
    moved = confidence_map(made, slice(0, 1))[0] - confidence_map(planned(hopper, acting), slice(0, 1))[0]
    assert (moved < -0.5).float().mean() > 0.002


def test_angles_are_counted_for_the_views_that_are_drawn(hopper, from_the_left):
    small = replace(
        from_the_left, name="small", image=from_the_left.image[::4, ::4].contiguous(), points=from_the_left.points / 4,
        matte=from_the_left.matte[::4, ::4].contiguous(),
    )  # fmt: skip
    for extra in (from_the_left, small, replace(from_the_left, covered=True)):
        both = replace(hopper, views=(hopper.view, extra))
        figure = build_figure(both, 0.5)
        drawn = {side.name for side in build_side_views(both, figure, 0.5)}
        found = coverage(both)
        assert found.used == (True, extra.name in drawn)
        assert ("three-quarter left" in {one.name for one in found.covered}) == (extra.name in drawn)
