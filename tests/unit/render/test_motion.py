"""What the driver does, the character does: measured with a fresh detection in the rendered frames."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.pose import angles, head_pose
from motion_control.engine.identity import bind_identity
from motion_control.engine.render import plan, render_frames
from motion_control.engine.types import RenderSettings


@pytest.fixture(scope="module")
def people(hopper, collins, acting):
    """name -> (identity, the other one's face with its lips together, who drives it)."""
    return {
        "hopper": (hopper, acting.lips_shut(collins.neutral)),
        "collins": (collins, acting.lips_shut(hopper.neutral)),
    }


@pytest.fixture(scope="module")
def talking(people, acting):
    """name -> (track, frames): the mouth opens as in speech and shuts."""
    found = {}
    for name, (identity, driver) in people.items():
        track = acting.perform(driver, acting.jaw_open(driver, acting.swell()))
        found[name] = track, acting.render(track, identity)
    return found


@pytest.mark.parametrize("name, within", [("hopper", 0.25), ("collins", 0.35)])
def test_the_mouth_opens_as_far_as_the_drivers(talking, name, within, acting):
    """The network reads the lips of a face 110 px high to about a pixel of five."""
    track, frames = talking[name]
    wanted = acting.lip_gap(track.face_points[acting.held])
    assert acting.lip_gap(acting.find_face(frames[acting.held])) == pytest.approx(wanted, rel=within)


def test_a_character_photographed_with_open_lips_closes_them(talking, collins, acting):
    _, frames = talking["collins"]
    assert acting.lip_gap(collins.view.points) > 0.05
    for number in (0, -1):
        assert acting.lip_gap(acting.find_face(frames[number])) < 0.01


def test_a_tilted_portrait_moves_along_its_own_axes(people, portraits, acting):
    """The portrait lies 30 degrees to the side: its jaw goes down along the face, not down the picture."""
    identity = bind_identity([acting.moved(portraits.hopper, 30, (0, 0))])
    driver = people["hopper"][1]
    frames = acting.render(acting.perform(driver, acting.jaw_open(driver, 1.6 * acting.swell())), identity)
    rest, opened = (acting.find_face(frames[i])[:, :2] for i in (0, acting.held))
    down = rest[regions.CHIN] - rest[regions.FOREHEAD_TOP]
    lip, chin = opened[[14, regions.CHIN]] - rest[[14, regions.CHIN]]
    for motion in (lip, chin):
        assert motion.norm() > 8
        across = float(down[0] * motion[1] - down[1] * motion[0]) / float(down.norm() * motion.norm())
        assert abs(across) < 0.26  # sine: within 15 degrees


def test_the_inside_of_the_mouth_shows_no_skin(talking, hopper, acting):
    """The picture has no teeth and no cavity to take: they are made, darker than the lips around them."""
    _, frames = talking["hopper"]
    points = acting.find_face(frames[acting.held])[:, :2]
    middle = (points[13] + points[14]) / 2
    x, y = middle.int().tolist()
    inside = frames[acting.held, y - 2 : y + 4, x - 10 : x + 10].float().mean()
    lips = hopper.view.points[[17, 0], :2].int()
    assert inside < 0.75 * hopper.view.image[lips[:, 1], lips[:, 0]].float().mean()


@pytest.fixture(scope="module")
def blinking(people, acting):
    identity, driver = people["collins"]
    return acting.render(acting.perform(driver, acting.lids_closed(driver, acting.swell())), identity)


def test_a_blink_closes_both_eyes(blinking, acting):
    rest, shut = (acting.lid_gaps(acting.find_face(blinking[i])) for i in (0, acting.held))
    for opened, closed in zip(rest, shut):
        assert closed < 0.6 * opened  # the network sees a slit in a closed eye too
    assert sum(shut) < 0.5 * sum(rest)


def test_nothing_of_the_eyeball_is_left_in_a_closed_eye(people, acting):
    """Where the iris and the white were there is skin: no darker and no brighter than the lid above. (The line of the
    lashes, which is meant to be there, is drawn in the colour of the skin for once.)"""
    collins, driver = people["collins"]
    made = plan(acting.perform(driver, acting.lids_closed(driver, acting.swell())), collins, RenderSettings())
    x, y = collins.view.points[50, :2].int().tolist()
    skin = collins.view.image[y - 2 : y + 3, x - 2 : x + 3].float().mean((0, 1)) / 255
    eyeballs = tuple(replace(eye, lash=skin) for eye in made.figure.eyeballs)
    frames = render_frames(replace(made, figure=replace(made.figure, eyeballs=eyeballs)))
    light = torch.cat(list(frames)).float().mean(-1)
    for (outer, inner), iris in zip(regions.EYE_CORNERS, regions.IRISES):
        width = float((collins.view.points[outer] - collins.view.points[inner])[:2].norm())
        x, y = collins.view.points[iris[0], :2].round().int().tolist()
        reach = int(0.25 * width)
        was = light[0, y - 2 : y + 3, x - reach : x + reach]
        now = light[acting.held, y - 2 : y + 3, x - reach : x + reach]
        assert now.std() < 0.6 * was.std() and now.min() > was.min() + 15


def parallax(points, identity) -> float:
    """Degrees of yaw from positions in the picture alone: the tip of the nose against the corners of the eyes."""
    apart = (points[33] - points[263])[:2].norm()
    shift = (points[regions.NOSE_TIP, 0] - points[[33, 263], 0].mean()) / apart
    shape = identity.neutral
    depth = (shape[[33, 263], 2].mean() - shape[regions.NOSE_TIP, 2]) / (shape[33] - shape[263]).norm()
    return float(torch.rad2deg(torch.atan(shift / depth)))


@pytest.mark.parametrize("degrees", [-20.0, 20.0])
def test_the_head_turns_with_the_driver(people, degrees, acting):
    identity, driver = people["hopper"]
    track = acting.perform(driver, rotation=acting.turn(yaw=degrees * acting.swell()))
    frames = acting.render(track, identity)
    rest, turned = (parallax(acting.find_face(frames[i]), identity) for i in (0, acting.held))
    assert turned - rest == pytest.approx(degrees, rel=0.3)


@pytest.mark.parametrize("axis, degrees", [("pitch", 12.0), ("roll", 15.0), ("roll", -15.0)])
def test_the_head_nods_and_tilts_with_the_driver(people, axis, degrees, acting):
    identity, driver = people["hopper"]
    frames = acting.render(acting.perform(driver, rotation=acting.turn(**{axis: degrees * acting.swell()})), identity)
    found = [angles(head_pose(acting.find_face(frames[i])[None], identity.neutral)[1])[0] for i in (0, acting.held)]
    change = dict(zip(("yaw", "pitch", "roll"), (found[1] - found[0]).tolist()))
    assert change.pop(axis) == pytest.approx(degrees, rel=0.3)
    assert max(abs(value) for value in change.values()) < 3


def test_the_head_moves_and_comes_nearer_with_the_driver(people, acting):
    identity, driver = people["hopper"]
    shift = acting.swell()[:, None] * torch.tensor([24.0, 0.0])
    track = acting.perform(driver, shift=shift, grow=1 + 0.1 * acting.swell())
    frames = acting.render(track, identity)
    faces = [acting.find_face(frames[i])[:468, :2] for i in (0, acting.held)]
    sizes = [float((face.amax(0) - face.amin(0)).norm()) for face in faces]
    assert sizes[1] / sizes[0] == pytest.approx(1.1, abs=0.03)
    unit = float((identity.view.points[33] - identity.view.points[263])[:2].norm())
    unit /= float((track.face_points[0, 33] - track.face_points[0, 263])[:2].norm())
    moved = faces[1].mean(0) - faces[0].mean(0)
    assert float(moved[0]) == pytest.approx(24 * unit, rel=0.3) and abs(float(moved[1])) < 6


def test_the_eyes_look_where_the_driver_looks(people, acting):
    identity, driver = people["collins"]
    delta = torch.zeros(acting.frames, 478, 3)
    for iris, (outer, inner) in zip(regions.IRISES, regions.EYE_CORNERS):
        delta[:, list(iris), 0] = 0.18 * (driver[outer] - driver[inner]).norm() * acting.swell()[:, None]
    frames = acting.render(acting.perform(driver, delta), identity)
    for iris, (outer, inner) in zip(regions.IRISES, regions.EYE_CORNERS):
        places = []
        for number in (0, acting.held):
            points = acting.find_face(frames[number])[:, :2]
            corners = points[[outer, inner]]
            places.append((points[iris[0], 0] - corners[:, 0].mean()) / (corners[0] - corners[1]).norm())
        assert 0.06 < places[1] - places[0] < 0.25


def test_strengths_scale_the_motion_down_to_none(people, acting):
    identity, driver = people["hopper"]
    swell = acting.swell()
    track = acting.perform(driver, acting.jaw_open(driver, 1.6 * swell), acting.turn(roll=15 * swell))

    def measured(**strengths):
        points = acting.find_face(acting.render(track, identity, **strengths)[acting.held])
        points = points[None]
        rolls = [angles(head_pose(found, identity.neutral)[1])[0, 2] for found in (points, identity.view.points[None])]
        return acting.lip_gap(points[0]), float(rolls[0] - rolls[1])

    gap, roll = measured()
    assert measured(expression_strength=0)[0] < 0.02 < 0.1 < gap
    assert measured(expression_strength=0.5)[0] == pytest.approx(0.5 * gap, rel=0.3)
    assert measured(head_strength=0)[1] == pytest.approx(0, abs=1) and roll > 11


def test_orientation_decides_whose_facing_is_kept(people, acting):
    """The driver looks to the side all the time."""
    identity, driver = people["hopper"]
    track = acting.perform(driver, rotation=acting.turn(18 * torch.ones(acting.frames)))
    own, drivers = (
        parallax(acting.find_face(acting.render(track, identity, orientation=word)[0]), identity)
        for word in ("image", "video")
    )
    rest = parallax(identity.view.points, identity)
    assert own == pytest.approx(rest, abs=3) and drivers == pytest.approx(rest + 18, rel=0.35)


def test_a_driver_without_a_face_leaves_the_head_alone(hopper, acting):
    track = acting.track_of(torch.zeros(3, 478, 3), seen=torch.zeros(3))
    frames = acting.render(track, hopper)
    assert torch.equal(frames[0], frames[2])
    found = acting.find_face(frames[0])
    assert (found - hopper.view.points)[:, :2].norm(dim=1).mean() < 3


def test_a_large_move_keeps_the_face_in_the_picture(people, acting):
    """A driver who walks out of the frame and turns right round: one photograph carries about 50 degrees."""
    identity, driver = people["hopper"]
    swell = acting.swell()
    shift = swell[:, None] * torch.tensor([900.0, 300.0])
    track = acting.perform(driver, rotation=acting.turn(100 * swell), shift=shift)
    made = plan(track, identity, RenderSettings())
    assert 40 < angles(made.motion.rotation)[:, 0].abs().max() < 55
    frames = torch.cat(list(render_frames(made)))
    points = acting.find_face(frames[acting.held])[:468, :2]
    assert points.min() > -10 and points.max() < 410
    height = points[:, 1].max() - points[:, 1].min()
    assert height > 0.8 * (identity.view.points[152, 1] - identity.view.points[10, 1])
