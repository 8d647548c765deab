"""animate(): a motion reference and a character in, a video and a report out."""

from fractions import Fraction

import pytest
import torch

from motion_control.engine import media
from motion_control.engine.animate import animate
from motion_control.engine.errors import IdentityError, MediaError, MotionControlError, SettingError
from motion_control.engine.types import RenderSettings

SMALL = RenderSettings(max_side=160)


@pytest.fixture(scope="module")
def files(portraits, collins, acting, tmp_path_factory):
    """talk.mp4: a face that talks, 22 frames at 30000/1001 a second, with a tone of 1 kHz; its portraits; a wall."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("animate")
    face = acting.lips_shut(collins.neutral)
    frames = acting.render(acting.perform(face, acting.jaw_open(face, 1.4 * acting.swell())), collins)
    tone = 0.4 * torch.sin(torch.arange(44100) * 2 * torch.pi * 1000 / 44100).expand(2, -1)
    acting.write_clip(folder / "talk.mp4", frames, Fraction(30000, 1001), (tone, 44100))
    acting.write_clip(folder / "silent.mp4", frames[:3])
    Image.fromarray(portraits.hopper.numpy()).save(folder / "hopper.png")
    Image.fromarray(portraits.collins.numpy()).save(folder / "collins.png")
    Image.new("RGB", (200, 160), (30, 160, 40)).save(folder / "wall.png")
    return folder


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    """(output file, contact sheet, report, progress steps) of the usual job with two characters."""
    folder = tmp_path_factory.mktemp("out")
    steps = []
    report = animate(
        files / "talk.mp4", [files / "collins.png", files / "hopper.png"], folder / "out.mp4",
        RenderSettings(prompt="slow zoom in, at night", max_side=160), sheet=folder / "sheet.png",
        progress=lambda *step: steps.append(step),
    )  # fmt: skip
    return folder / "out.mp4", folder / "sheet.png", report, steps


def test_the_output_is_as_long_as_the_reference(files, made):
    reference, output = media.open_clip(files / "talk.mp4"), media.open_clip(made[0])
    assert (output.frame_count, output.frame_rate) == (reference.frame_count, Fraction(30000, 1001))
    assert abs(output.duration - reference.duration) <= 1 / (2 * reference.frame_rate)
    assert (output.width, output.height) == (160, 160)


def test_the_sound_is_the_references(files, made):
    wave, rate = media.read_audio(media.open_clip(made[0]))
    assert rate == 44100
    wave = wave.reshape(-1, wave.shape[-1])[0]
    assert len(wave) / rate == pytest.approx(22 * 1001 / 30000, abs=1001 / 60000)
    spectrum = torch.fft.rfft(wave[4000:26000]).abs()
    assert float(spectrum.argmax()) * rate / 22000 == pytest.approx(1000, abs=5)


def test_the_character_speaks(files, made, acting):
    frames = torch.cat([batch.frames for batch in media.iterate(media.open_clip(made[0]))])
    gaps = [acting.lip_gap(acting.find_face(frames[i])) for i in (0, acting.held, -1)]
    assert gaps[1] > 0.08 > 0.03 > max(gaps[0], gaps[2])


def test_the_report(files, made):
    output, _, report, _ = made
    assert report["output"] == str(output) and report["frames"] == 22 and report["sound"] is True
    assert report["frame_rate"] == "30000/1001" and report["size"] == "160x160"
    assert report["shot"] == "slow zoom in" and report["prompt_not_used"] == "at night"
    assert report["face_visible"] == 1.0 and report["seconds"] > 0 and report["seconds_per_frame"] > 0
    assert set(report["stages"]) >= {"character", "capture"} and all(lap >= 0 for lap in report["stages"].values())
    assert any("face visible" in line for line in report["reference"])
    text = "\n".join(report["character"])
    # hopper is the calmer, larger picture of the two
    assert "hopper.png (rendered)" in text and "collins.png" in text and "WARN size: 400x400" in text


def test_progress_of_every_stage(made):
    steps = made[3]
    assert [stage for i, (stage, *_) in enumerate(steps) if not i or steps[i - 1][0] != stage] == [
        "character", "capture", "render",
    ]  # fmt: skip
    assert ("character", 2, 2) in steps and ("capture", 22, 22) in steps and steps[-1] == ("render", 22, 22)


def test_a_contact_sheet_is_written_beside_it(made):
    sheet = media.read_image(made[1])
    assert sheet.shape[1] > 2 * sheet.shape[0] and sheet.float().std() > 20
    assert sorted(path.name for path in made[0].parent.iterdir()) == ["out.mp4", "sheet.png"]


def test_a_part_of_the_reference(files, tmp_path):
    report = animate(files / "talk.mp4", [files / "hopper.png"], tmp_path / "a.mp4", SMALL, start=0.2, duration=0.3)
    clip = media.open_clip(tmp_path / "a.mp4")
    assert clip.frame_count == report["frames"] == 9 and clip.audio is not None
    wave, rate = media.read_audio(clip)
    assert wave.shape[-1] / rate == pytest.approx(0.3, abs=0.02)


def test_a_background_restored_and_without_sound(files, tmp_path):
    report = animate(
        files / "silent.mp4", [files / "hopper.png"], tmp_path / "a.mp4", SMALL, background=files / "wall.png",
        restore=0.5,
    )  # fmt: skip
    clip = media.open_clip(tmp_path / "a.mp4")
    assert clip.audio is None and report["sound"] is False and clip.frame_count == 3
    (batch,) = media.iterate(clip)
    corner = batch.frames[0, 4:20, 4:20].float().mean((0, 1))
    assert corner.tolist() == pytest.approx([30, 160, 40], abs=6)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"motion": "none.mp4"}, MediaError),
        ({"motion": "wall.png"}, MediaError),
        ({"characters": ["none.png"]}, MediaError),
        ({"characters": ["wall.png"]}, IdentityError),
        ({"characters": ["talk.mp4"]}, MediaError),
        ({"background": "none.png"}, MediaError),
        ({"start": 5}, MediaError),
        ({"duration": -1}, SettingError),
        ({"restore": 2.0}, SettingError),
        ({"settings": RenderSettings(expression_strength=9)}, SettingError),
    ],
)
def test_an_error_leaves_an_older_file_and_no_half_one(files, tmp_path, change, error):
    (tmp_path / "out.mp4").write_bytes(b"older")
    names = {"motion": "silent.mp4", "characters": ["hopper.png"], "background": None} | change
    options = {key: names[key] for key in ("start", "duration", "restore") if key in names}
    with pytest.raises(error) as caught:
        animate(
            files / names["motion"], [files / name for name in names["characters"]], tmp_path / "out.mp4",
            names.get("settings", SMALL), background=names["background"] and files / names["background"], **options,
        )  # fmt: skip
    assert isinstance(caught.value, MotionControlError) and str(caught.value).endswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"older"


@pytest.mark.parametrize("stage", ["character", "capture", "render"])
def test_an_interrupt_in_any_stage_leaves_nothing(files, tmp_path, stage):
    class Stop(Exception):
        pass

    def progress(name, done, total):
        if name == stage:
            raise Stop

    with pytest.raises(Stop):
        animate(files / "talk.mp4", [files / "hopper.png"], tmp_path / "out.mp4", SMALL, progress=progress)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output, settings, sheet",
    [
        ("out.avi", SMALL, None),
        ("out.mp4", RenderSettings(expression_strength=9), None),
        ("out.mp4", RenderSettings(max_side=3), None),
        ("out.mp4", SMALL, "none/sheet.png"),
    ],
)
def test_what_can_be_known_at_once_is_said_before_long_work(files, tmp_path, output, settings, sheet):
    stages = set()
    with pytest.raises(MotionControlError):
        animate(
            files / "silent.mp4", [files / "hopper.png"], tmp_path / output, settings,
            sheet=sheet and tmp_path / sheet, progress=lambda stage, *_: stages.add(stage),
        )  # fmt: skip
    assert "capture" not in stages and list(tmp_path.iterdir()) == []
