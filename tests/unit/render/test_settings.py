"""plan(): sizes, settings out of range, the report."""

import pytest
import torch

from motion_control.engine.errors import SettingError
from motion_control.engine.render import plan
from motion_control.engine.render.play import output_size
from motion_control.engine.types import RenderSettings


@pytest.fixture(scope="module")
def track(hopper, acting):
    return acting.perform(hopper.neutral)


@pytest.mark.parametrize(
    "source, settings, wanted",
    [
        ((640, 480), {}, (640, 480)),
        ((641, 483), {}, (640, 482)),
        ((640, 480), {"max_side": 320}, (320, 240)),
        ((480, 640), {"max_side": 320}, (240, 320)),
        ((640, 480), {"max_side": 4000}, (640, 480)),
        ((640, 480), {"width": 320}, (320, 240)),
        ((640, 480), {"height": 960}, (1280, 960)),
        ((640, 480), {"width": 200, "height": 300}, (200, 300)),
        ((640, 480), {"width": 200, "height": 300, "max_side": 150}, (100, 150)),
        ((9000, 6000), {}, (4096, 2730)),
        ((4000, 64), {"max_side": 256}, (256, 16)),
    ],
)
def test_output_size_is_even_and_within_the_limit(source, settings, wanted):
    assert output_size(*source, RenderSettings(**settings)) == wanted


@pytest.mark.parametrize("settings", [{}, {"max_side": 250}, {"width": 130, "height": 200}, {"width": 500}])
def test_frames_have_the_planned_size(track, hopper, settings, acting):
    made = plan(track, hopper, RenderSettings(**settings))
    frames = acting.render(track, hopper, **settings)
    assert frames.shape == (acting.frames, made.height, made.width, 3) and frames.dtype == torch.uint8
    assert made.frame_count == acting.frames
    assert made.report["size"] == f"{made.width}x{made.height}"
    points = acting.find_face(frames[0])  # the face is in the frame at every size
    assert points[:, :2].min() > 0 and points[:, 0].max() < made.width and points[:, 1].max() < made.height


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"orientation": "sideways"}, r"orientation is 'sideways'; choose 'image' or 'video'"),
        ({"expression_strength": 2.5}, r"expression_strength is 2\.5; choose a value from 0 to 2"),
        ({"expression_strength": -0.1}, "expression_strength is -0.1"),
        ({"head_strength": float("nan")}, "head_strength is nan"),
        ({"light": 1.2}, r"light is 1\.2; choose a value from 0 to 1"),
        ({"max_side": 8}, "max_side is 8; choose 16 to 4096"),
        ({"width": 99999}, "width is 99999"),
        ({"height": -2}, "height is -2"),
    ],
)
def test_settings_out_of_range_are_sentences(track, hopper, settings, words):
    with pytest.raises(SettingError, match=words) as caught:
        plan(track, hopper, RenderSettings(**settings))
    assert str(caught.value).endswith(".")


def test_words_that_are_not_used_are_reported(track, hopper):
    report = plan(track, hopper, RenderSettings(prompt="slow zoom in, neon lights", orientation="video")).report
    assert report["shot"] == "slow zoom in" and report["prompt_not_used"] == "neon lights"
    assert (report["frames"], report["orientation"]) == (len(track), "video")
    assert plan(track, hopper, RenderSettings()).report["shot"] == "static"
