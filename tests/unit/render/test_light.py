"""Light from the side stays in the room: found in a picture that is lit so, nothing at rest, bounded when it acts."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.raster import rasterise
from motion_control.engine.render import plan, render_frames
from motion_control.engine.render.draw import pose_face
from motion_control.engine.render.figure import build_figure
from motion_control.engine.render.light import LIMIT, with_light
from motion_control.engine.types import RenderSettings, View

SIZE = 400


@pytest.fixture(scope="module")
def lit(hopper):
    """Makes the head as a grey mask, lit by a light of a given direction over ambient light."""

    def identity(direction):
        points = hopper.view.points
        triangles = regions.open_skin()
        corner = points[triangles]
        normal = torch.linalg.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        total = torch.zeros(478, 3).index_add_(0, triangles.reshape(-1), normal.repeat_interleave(3, 0))
        total = F.normalize(total, dim=1) * -total[:, 2].sum().sign()
        shade = 0.5 * (1 + total @ torch.tensor(direction))
        keep = torch.ones(1, len(triangles), dtype=torch.bool)
        hits = rasterise(points[None, :, :2], points[None, :, 2], triangles, keep, SIZE, SIZE)
        picture = torch.full((SIZE * SIZE,), 0.5)
        picture[hits.pixel] = hits.interpolate(triangles, shade[:, None])[:, 0]
        image = (picture.clamp(0, 1) * 255).round().to(torch.uint8).view(SIZE, SIZE, 1).expand(-1, -1, 3).contiguous()
        return replace(hopper, views=(View("mask", image, points, hopper.view.matte, None),))

    return identity


@pytest.mark.parametrize("direction", [(0.4, 0.0, 0.0), (-0.4, -0.2, 0.0), (0.0, -0.4, -0.1)])
def test_the_light_is_found(lit, direction):
    found = with_light(build_figure(lit(direction)), 1.0).light.own
    wanted = torch.tensor(direction)
    assert found[:2].norm() == pytest.approx(float(wanted[:2].norm()), rel=0.5)
    assert torch.cosine_similarity(found[:2], wanted[:2], dim=0) > 0.95


def test_even_light_is_none(lit):
    assert with_light(build_figure(lit((0.0, 0.0, 0.0))), 1.0).light.own.norm() < 0.05


def frames_of(identity, acting, yaw, light):
    """The one frame of a head that turned by `yaw` degrees, and where its face points are."""
    made = plan(acting.perform(identity.neutral), identity, RenderSettings(light=light, expression_strength=0))
    motion = replace(made.motion, rotation=acting.turn(float(yaw)).expand(acting.frames, 3, 3))
    made = replace(made, motion=motion, frame_count=1, sides=(), shares=None)
    points = pose_face(made.figure, motion, made.camera, slice(0, 1)).points[0]
    return next(render_frames(made))[0], points


def test_nothing_changes_at_rest(hopper, acting):
    plain, _ = frames_of(hopper, acting, 0, 0.0)
    lit, _ = frames_of(hopper, acting, 0, 1.0)
    assert (plain.int() - lit.int()).abs().max() <= 1


def test_a_cheek_that_turns_to_the_light_gets_brighter_and_one_that_turns_away_darker(lit, acting):
    identity = lit((0.5, 0.0, 0.0))  # from the right of the picture
    for yaw, brighter in ((25, True), (-25, False)):
        plain, points = frames_of(identity, acting, yaw, 0.0)
        shaded, _ = frames_of(identity, acting, yaw, 1.0)
        nose = points[[4, 195, 151, 9], :2].int()
        ratio = shaded[nose[:, 1], nose[:, 0]].float() / plain[nose[:, 1], nose[:, 0]].float()
        assert (ratio > 1.03).all() if brighter else (ratio < 0.97).all()
        assert (ratio - 1).abs().max() < LIMIT + 0.02


def test_white_is_not_burnt(lit, acting):
    identity = lit((0.5, 0.0, 0.0))
    view = identity.view
    white = replace(identity, views=(replace(view, image=(view.image.float() * 0.2 + 200).to(torch.uint8)),))
    made = with_light(build_figure(white), 1.0).light
    face = made.amount > 0.9
    assert (made.headroom[face] < 0.5 * made.amount[face]).all()


def test_the_background_stays(hopper, acting):
    plain, _ = frames_of(hopper, acting, 25, 0.0)
    lit, _ = frames_of(hopper, acting, 25, 1.0)
    changed = (plain.int() - lit.int()).abs().amax(-1) > 1
    assert 0.02 < changed.float().mean() and not changed[:, :20].any()


def test_another_view_stands_in_the_same_room(lit, authored, acting):
    """Its own picture is lit evenly, the main one from the right: the skin before its ear takes that light."""
    identity = lit((0.5, 0.0, 0.0))
    head = replace(authored.head(identity, (0.3, 0.2, 0.1)), picture=torch.full((3, SIZE, SIZE), 0.5))
    rotation = authored.yaw(-40)
    view = View("left", head.draw(rotation, SIZE), head.posed(rotation, SIZE), torch.ones(SIZE, SIZE), None)
    both = replace(identity, views=(identity.view, view))
    track = acting.perform(identity.neutral, rotation=acting.turn(-40.0).expand(acting.frames, 3, 3))
    frames = []
    for light in (0.0, 1.0):
        made = plan(track, both, RenderSettings(light=light, orientation="video", expression_strength=0))
        assert made.report["views"]["left"] == 1
        frames.append(next(render_frames(made))[0].float())
    x, y = pose_face(made.figure, made.motion, made.camera, slice(0, 1)).points[0, 366, :2].int().tolist()
    ratio = float(frames[1][y, x].mean() / frames[0][y, x].mean())
    assert 1.04 < ratio < 1 + LIMIT + 0.02
