"""What a render leaves as it was: the character's own pixels, the background, and itself from run to run."""

from dataclasses import replace

import pytest
import torch

from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.identity import bind_identity
from motion_control.engine.render import plan, render_frames
from motion_control.engine.types import RenderSettings


@pytest.fixture(scope="module")
def still(hopper, collins, acting):
    """The track in which each portrait holds exactly its own face, by name, and its first frame."""

    def hold(identity):
        size = identity.view.image.shape[0]
        track = acting.track_of(identity.view.points.expand(4, -1, -1), (size, size))
        return acting.render(track, identity)[0]

    return {"hopper": hold(hopper), "collins": hold(collins)}


@pytest.fixture(scope="module")
def lively(hopper, collins, acting):
    """The other portrait's face turns, nods and talks, and one that shows it to hopper."""
    swell, face = acting.swell(), acting.lips_shut(collins.neutral)
    return acting.perform(face, acting.jaw_open(face, 1.2 * swell), acting.turn(18 * swell, 6 * swell, 5 * swell))


@pytest.fixture(scope="module")
def frames(lively, hopper, acting):
    return acting.render(lively, hopper)


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_neutral_performance_is_the_portrait_itself(still, name, request, acting):
    view = request.getfixturevalue(name).view
    assert acting.psnr(still[name], view.image, view.matte > 0.95) > 35


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_neutral_performance_is_the_whole_picture(still, name, request, acting):
    assert acting.psnr(still[name], request.getfixturevalue(name).view.image) > 35


def test_away_from_the_figure_nothing_changes(frames, hopper):
    """Every frame is bit-equal there, and equal to the picture itself."""
    reach = torch.nn.functional.max_pool2d(hopper.view.matte[None, None], 121, 1, 60)[0, 0]
    far = reach < 0.02
    assert far.float().mean() > 0.05
    assert (frames[:, far] == frames[:1, far]).all()
    assert (frames[0, far].int() - hopper.view.image[far].int()).abs().max() <= 1
    assert not torch.equal(frames[0], frames[11])


@pytest.fixture(scope="module")
def one_by_one(frames, lively, hopper, acting):
    """Difference in grey levels, [T, H, W], to the same performance drawn in batches of one frame."""
    return (acting.render(lively, hopper, batch=1).int() - frames.int()).abs().amax(-1)


def test_batches_only_touch_the_finest_detail(one_by_one):
    assert (one_by_one > 1).float().mean() < 0.005


def test_the_batch_size_changes_nothing(one_by_one):
    assert one_by_one.max() <= 1


def test_a_render_is_the_same_every_time(frames, lively, hopper, acting):
    assert torch.equal(acting.render(lively, hopper), frames)


def test_a_background_takes_the_place_of_the_characters_own(lively, hopper, acting):
    """A green picture of another shape, with a blue left edge that cropping to the middle takes away."""
    background = torch.zeros(300, 900, 3, dtype=torch.uint8)
    background[..., 1] = 200
    background[:, :250] = torch.tensor([0, 0, 255], dtype=torch.uint8)
    frames = acting.render(lively, hopper, background)
    nobody = hopper.view.matte[:60, :60] < 0.01
    assert (frames[:, :60, :60][:, nobody].int() - torch.tensor([0, 200, 0])).abs().max() <= 1
    face = hopper.view.points[[50, 280, 151], :2].int()  # cheeks and forehead
    own = hopper.view.image[face[:, 1], face[:, 0]].int()
    assert (frames[0][face[:, 1], face[:, 0]].int() - own).abs().float().mean() < 12


def test_zoom_makes_the_face_grow_and_pan_moves_it(hopper, acting):
    track = acting.perform(hopper.neutral)

    def measured(prompt):
        frames = acting.render(track, hopper, prompt=prompt)
        faces = [acting.find_face(frames[i])[:468, :2] for i in (0, -1)]
        return [float((f.amax(0) - f.amin(0)).norm()) for f in faces], [f.mean(0) for f in faces]

    (first, last), _ = measured("zoom in")
    assert last / first == pytest.approx(1.35, rel=0.05)
    (first, last), (start, end) = measured("pan left")
    assert last / first == pytest.approx(1, rel=0.03)
    assert end[0] - start[0] > 20 and abs(end[1] - start[1]) < 5  # the camera turns left: the face goes right


def test_a_moving_camera_shows_no_border(hopper, acting):
    """A picture with a frame of bright green at its outermost pixels: no crop may repeat it into a smear."""
    image = hopper.view.image.clone()
    image[[0, -1]] = image[:, [0, -1]] = torch.tensor([0, 255, 0], dtype=torch.uint8)
    framed = replace(hopper, views=(replace(hopper.view, image=image),))
    for prompt in ("fast pan right, tilt up", "fast zoom out", "handheld"):
        frames = acting.render(acting.perform(hopper.neutral), framed, prompt=prompt)
        green = (frames[..., 1].int() - frames[..., 0].int() > 150) & (frames[..., 2] < 90)
        assert green[:, 4:-4, 4:-4].sum() == 0


def test_progress_is_told_and_may_interrupt(lively, hopper):
    made = plan(lively, hopper, RenderSettings(max_side=64))
    steps = []
    shown = sum(len(batch) for batch in render_frames(made, progress=lambda *step: steps.append(step)))
    assert shown == len(lively) and steps[-1] == (len(lively), len(lively))

    class Stop(Exception):
        pass

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        list(render_frames(made, progress=stop))


def test_a_head_that_moves_down_leaves_nothing_of_itself_at_the_border(collins, acting):
    """There is a little background above the hair in the picture: no hair is mirrored at the upper border."""
    top = int((collins.view.matte > 0.5).any(1).nonzero()[0])
    identity = bind_identity([collins.view.image[top - 5 :].contiguous()], ["little room"])
    shift = acting.swell()[:, None] * torch.tensor([0.0, 36.0])
    made = plan(acting.perform(canonical_face(), shift=shift), identity, RenderSettings())
    frames = torch.cat(list(render_frames(made))).float() / 255
    plate = made.figure.plate.permute(1, 2, 0)
    rows = slice(0, 10)
    assert (frames[acting.held] - frames[0]).abs().mean() > 0.02  # it did move
    assert (frames[acting.held, rows] - plate[rows, : frames.shape[2]]).abs().max() < 0.05
