import io
import os
from fractions import Fraction
from types import SimpleNamespace

import pytest
import torch

from motion_control.engine.errors import MediaError, SettingError


@pytest.fixture
def files(comfy):
    from motion_control.nodes import files

    return files


@pytest.mark.parametrize(
    "name",
    ["", " ", "../secret.mp4", "a/../../secret.mp4", "/etc/passwd", "C:\\clip.mp4", "c:clip.mp4",
     "\\\\host\\share\\x.mp4", "..\\secret.mp4", "\\windows\\x.mp4", "a\0b.mp4"],
)  # fmt: skip
def test_confined_refuses_names_that_lead_out(files, comfy, name):
    with pytest.raises(MediaError, match="inside the folder"):
        files.confined(name, str(comfy / "input"))


def test_confined_refuses_a_link_that_leads_out(files, comfy):
    (comfy / "secret.mp4").write_text("x")
    try:
        os.symlink(comfy / "secret.mp4", comfy / "input" / "clip.mp4")
    except OSError:
        pytest.skip("this system does not let a user make links")
    with pytest.raises(MediaError):
        files.confined("clip.mp4", str(comfy / "input"))


def test_confined_accepts_subfolders_dots_and_a_linked_root(files, comfy):
    assert files.confined("take 1/a..b.mp4", str(comfy / "input")).parent.name == "take 1"


def test_input_videos_are_listed_without_folders_and_other_files(files, comfy):
    for name in ("b.mp4", "a.webm", "c.png"):
        (comfy / "input" / name).touch()
    (comfy / "input" / "folder.mp4").mkdir()
    assert files.input_videos() == ["a.webm", "b.mp4"]


def test_input_file_understands_the_suffixes_of_comfyui(files, comfy):
    (comfy / "output" / "x.mp4").touch()
    assert files.input_file("x.mp4 [output]").parent.name == "output"
    with pytest.raises(MediaError, match="upload it"):
        files.input_file("x.mp4")


def test_a_video_in_memory_becomes_a_file_in_the_temp_folder(files, comfy):
    video = SimpleNamespace(get_stream_source=lambda: io.BytesIO(b"film"))
    path, start, duration = files.video_source(video)
    assert path.parent == comfy / "temp" and path.read_bytes() == b"film" and (start, duration) == (0.0, 0.0)


def test_a_trimmed_video_keeps_its_window(files):
    video = SimpleNamespace(get_stream_source=lambda: "/x.mp4", get_active_trim_window=lambda: (1.5, 2.0))
    assert files.video_source(video)[1:] == (1.5, 2.0)


@pytest.mark.parametrize(
    "rate, exact",
    [(29.97, Fraction(30000, 1001)), (30000 / 1001, Fraction(30000, 1001)), (23.976, Fraction(24000, 1001)),
     (25.0, Fraction(25)), (30.0, Fraction(30)), (59.94, Fraction(60000, 1001)), (12.5, Fraction(25, 2)),
     (float(Fraction(90000, 3003)), Fraction(30000, 1001))],
)  # fmt: skip
def test_exact_rate(files, rate, exact):
    assert files.exact_rate(rate) == exact


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 2000])
def test_exact_rate_refuses_nonsense(files, rate):
    with pytest.raises(SettingError):
        files.exact_rate(rate)


def test_a_clip_without_sound_gives_silence_that_is_left_out_of_the_file(files, engine):
    engine("media", read_audio=lambda clip: None)
    audio = files.sound(SimpleNamespace(audio=None, duration=Fraction(3, 2)))
    assert audio["waveform"].shape[-1] / audio["sample_rate"] == 1.5
    assert files.sound_for(audio) is None


def test_sound_loses_its_batch_dimension(files):
    waveform, rate = files.sound_for({"waveform": torch.ones(1, 2, 480), "sample_rate": 48000})
    assert waveform.shape == (2, 480) and rate == 48000


@pytest.mark.parametrize("audio", [None, {"waveform": torch.zeros(1, 2, 0), "sample_rate": 44100}])
def test_no_sound(files, audio):
    assert files.sound_for(audio) is None


def test_metadata_is_two_json_tags_and_can_be_switched_off(files):
    import comfy.cli_args

    hidden = SimpleNamespace(prompt={"1": {}}, extra_pnginfo={"workflow": {"nodes": []}})
    assert files.metadata(hidden) == {"prompt": '{"1": {}}', "workflow": '{"nodes": []}'}
    assert files.metadata(SimpleNamespace(prompt=None, extra_pnginfo=None)) == {}
    comfy.cli_args.args.disable_metadata = True
    assert files.metadata(hidden) == {}
