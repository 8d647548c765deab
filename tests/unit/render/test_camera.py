"""The virtual camera: words of a prompt, paths that stay inside the picture."""

import pytest
import torch

from motion_control.engine.render.camera import plan_camera, read_prompt


@pytest.mark.parametrize(
    "prompt, zoom, pan, speed",
    [
        ("slow zoom in", 1, (0, 0), 0.5),
        ("Zoom in slowly.", 1, (0, 0), 0.5),
        ("fast dolly out", -1, (0, 0), 1.6),
        ("camera pulls back", -1, (0, 0), 1),
        ("pushing in", 1, (0, 0), 1),
        ("gentle pan left", 0, (-1, 0), 0.4),
        ("panning to the right", 0, (1, 0), 1),
        ("tilt up", 0, (0, -1), 1),
        ("zoom in, pan right and tilt down", 1, (1, 1), 1),
        ("pan left, then static", 0, (0, 0), 1),
        ("", 0, (0, 0), 1),
        ("a woman in a red panama, laughing in rain", 0, (0, 0), 1),
    ],
)
def test_shot_words(prompt, zoom, pan, speed):
    shot = read_prompt(prompt)
    assert (shot.zoom, shot.pan, shot.speed) == (zoom, pan, speed)
    assert shot.moves == bool(zoom or any(pan))


def test_framing_and_handheld():
    assert read_prompt("close-up").framing > read_prompt("medium shot").framing > 0
    assert read_prompt("wide shot").framing == 0 and read_prompt("zoom in").framing is None
    assert read_prompt("handheld").handheld and read_prompt("hand-held close up").handheld


def test_words_that_are_no_shot_are_handed_back():
    shot = read_prompt("Close-up of a pilot, slow zoom in, golden hour, handheld")
    assert shot.unused == "of a pilot, golden hour"
    assert set(shot.used) == {"close-up", "slow zoom in", "handheld"}
    assert read_prompt("slow zoom in").unused == ""


PATHS = ["", "zoom in", "fast zoom out", "pan left", "fast pan right, tilt up", "close-up", "handheld", "tilt down",
         "close-up, fast zoom in, pan left, handheld"]  # fmt: skip


@pytest.mark.parametrize("output", [(512, 768), (768, 512), (200, 100), (1024, 1536)])
@pytest.mark.parametrize("prompt", PATHS)
def test_the_crop_never_leaves_the_picture(prompt, output):
    """The face is in a corner, where a camera that looks at it has least room."""
    for face in ((60, 70, 110), (256, 300, 250)):
        path = plan_camera(read_prompt(prompt), 40, 25, (512, 768), output, face, seed=3)
        corners = torch.tensor([[0.0, 0.0], [float(output[0]), float(output[1])]]).expand(40, 2, 2)
        seen = path.to_picture(corners, slice(0, 40))
        assert seen.min() > -1e-2 and seen[..., 0].max() < 512.01 and seen[..., 1].max() < 768.01
        torch.testing.assert_close(path.to_output(seen, slice(0, 40)), corners, rtol=0, atol=1e-2)
        assert (path.zoom.diff(n=2).abs() < 0.02 * path.zoom[0]).all()  # smooth


def path_of(prompt, frames=50, seed=0):
    return plan_camera(read_prompt(prompt), frames, 25, (512, 512), (512, 512), (256, 200, 200), seed)


def test_zoom_goes_one_way_as_far_as_its_speed_says():
    inwards, outwards = path_of("zoom in").zoom, path_of("zoom out").zoom
    assert (inwards.diff() >= 0).all() and (outwards.diff() <= 0).all()
    assert inwards[0] == pytest.approx(1) and outwards[-1] == pytest.approx(1)
    slow, fast = path_of("slow zoom in").zoom[-1], path_of("fast zoom in").zoom[-1]
    assert 1.1 < slow < inwards[-1] < fast


def test_pan_moves_the_view_to_its_side():
    left, up = path_of("pan left").centre, path_of("tilt up").centre
    assert (left[:, 0].diff() <= 1e-4).all() and left[-1, 0] < left[0, 0] - 30
    assert left[:, 1].std() < 1e-3
    assert up[-1, 1] < up[0, 1] - 30


def test_a_close_up_shows_the_face_at_its_share():
    path = path_of("close-up")
    assert path.still
    assert float(200 * path.zoom[0] / 512) == pytest.approx(read_prompt("close-up").framing, rel=0.01)
    assert path.to_output(torch.tensor([[[256.0, 200.0]]]), slice(0, 1))[0, 0, 0] == pytest.approx(256, abs=1)


def test_handheld_depends_on_the_seed_alone():
    assert torch.equal(path_of("handheld", seed=1).centre, path_of("handheld", seed=1).centre)
    assert not torch.equal(path_of("handheld", seed=1).centre, path_of("handheld", seed=2).centre)
    sway = path_of("handheld", 250, seed=1).centre
    assert 1 < sway.std(0).min() and sway.diff(dim=0).abs().max() < 1.5  # visible, never a jolt


def test_without_words_the_picture_is_shown_as_it_is():
    path = path_of("a nice day")
    assert path.still and (path.zoom == 1).all() and (path.centre == 256).all()
    assert path_of("pan left", frames=1).zoom.shape == (1,)


@pytest.mark.parametrize("picture", [(511, 512), (512, 511), (333, 511)])
def test_an_odd_picture_is_not_resampled(picture):
    even = tuple(side // 2 * 2 for side in picture)
    path = plan_camera(read_prompt(""), 3, 25, picture, even, (256, 200, 200))
    first = path.to_picture(torch.full((3, 1, 2), 0.5), slice(0, 3))
    torch.testing.assert_close(first % 1, torch.full((3, 1, 2), 0.5))
