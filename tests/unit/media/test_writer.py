"""VideoWriter: exact length, sound in step, nothing half-written."""

import json
from fractions import Fraction

import av
import numpy as np
import pytest
import torch

from motion_control.engine.errors import MediaError, SettingError
from motion_control.engine.media import VideoWriter, iterate, open_clip, read_audio


def frames(media, count, first=0, width=192, height=96):
    return torch.from_numpy(np.stack([media.paint(first + i, width, height) for i in range(count)]))


def stream_lengths(path):
    """Seconds of the picture and of the sound, as the container states them."""
    with av.open(str(path)) as file:
        return [float(s.duration * s.time_base) for s in file.streams if s.duration is not None]


@pytest.mark.parametrize(
    "rate",
    [
        Fraction(30000, 1001),
        Fraction(24000, 1001),
        12,
        Fraction(1199, 100),
        Fraction(12000, 1001),
        60,
        29.97,
        11.99,
    ],
)
@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".mov"])
def test_length_and_rate_are_exact(media, tmp_path, rate, ending):
    path = tmp_path / f"a{ending}"
    sound = torch.from_numpy(media.burst(0.5, 1.5))
    with VideoWriter(path, 192, 96, rate, audio=(sound, 44100), preset="ultrafast") as writer:
        writer.write(frames(media, 31))
        writer.write(frames(media, 6, 31))
    clip = open_clip(path)
    assert clip.frame_rate == writer.frame_rate and clip.frame_count == 37
    assert [media.number_in(f) for b in iterate(clip) for f in b.frames] == list(range(37))
    for length in stream_lengths(path):
        assert abs(length - 37 / float(writer.frame_rate)) < 0.5 / float(writer.frame_rate)
    heard, sound_rate = read_audio(clip)
    assert abs(media.onset(heard, sound_rate) - 0.5) < 0.006


@pytest.mark.parametrize("layout, channels", [("mono", 1), ("stereo", 2), ("5.1", 6)])
@pytest.mark.parametrize("length", [1.2, 5.0])
def test_the_reference_sound_is_cut_to_the_window(media, tmp_path, layout, channels, length):
    rate = Fraction(30000, 1001)
    source = media.make_video(
        tmp_path / "a.mp4",
        90,
        rate,
        sound=media.burst(1.0, length, 48000, channels),
        sound_rate=48000,
        layout=layout,
    )
    clip = open_clip(source, start=0.5, duration=2)
    path = tmp_path / "b.mp4"
    with VideoWriter(path, 192, 96, clip.frame_rate, audio=clip) as writer:
        for batch in iterate(clip):
            writer.write(batch.frames)
    result = open_clip(path)
    assert (result.frame_count, result.frame_rate) == (clip.frame_count, rate)
    sound, found = read_audio(result)
    assert (found, len(sound)) == (48000, 2)
    assert abs(media.onset(sound / sound.abs().max() / 2, found) - (1.0 - float(clip.start))) < 0.008
    for seconds in stream_lengths(path):
        assert abs(seconds - float(clip.duration)) < 0.5 / float(rate)
    with av.open(str(path)) as file:
        samples = sum(f.samples for f in file.decode(audio=0))
    assert abs(samples / 48000 - float(clip.duration)) < 0.5 / float(rate)


def test_mono_keeps_its_loudness(media, tmp_path):
    tone = torch.from_numpy(media.burst(0, 1, 44100, 1))
    with VideoWriter(tmp_path / "a.mp4", 192, 96, 30, audio=(tone[None], 44100)) as writer:
        writer.write(frames(media, 30))
    sound, _ = read_audio(open_clip(tmp_path / "a.mp4"))
    assert sound[:, 200:1700].abs().max() == pytest.approx(0.5, abs=0.08)


def test_a_rate_that_aac_lacks(media, tmp_path):
    tone = torch.from_numpy(media.burst(0.4, 1, 37000))
    with VideoWriter(tmp_path / "a.mp4", 192, 96, 25, audio=(tone, 37000)) as writer:
        writer.write(frames(media, 25))
    sound, rate = read_audio(open_clip(tmp_path / "a.mp4"))
    assert rate == 32000 and abs(media.onset(sound, rate) - 0.4) < 0.01
    assert stream_lengths(tmp_path / "a.mp4")[1] == pytest.approx(1, abs=0.02)


def test_one_frame(media, tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 192, 96, 24, audio=(torch.zeros(2, 44100), 44100)) as writer:
        writer.write(frames(media, 1, 5))
    clip = open_clip(tmp_path / "a.mp4")
    assert (clip.frame_count, clip.frame_rate, clip.duration) == (1, 24, Fraction(1, 24))
    assert all(abs(length - 1 / 24) < 0.5 / 24 for length in stream_lengths(clip.source))


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_tags_and_sound_live_together(media, tmp_path, ending):
    prompt = {"1": {"class_type": "LoadMotionRef", "inputs": {"text": 'ä "quoted" \n line'}}}
    workflow = json.dumps({"nodes": list(range(2000))})
    path = tmp_path / f"a{ending}"
    sound = (torch.from_numpy(media.burst(0.1, 1)), 44100)
    with VideoWriter(path, 192, 96, 30, audio=sound, metadata={"prompt": prompt, "workflow": workflow}) as writer:
        writer.write(frames(media, 30))
    with av.open(str(path)) as file:
        tags = {key.lower(): value for key, value in file.metadata.items()}
        assert len(file.streams.audio) == 1
    assert json.loads(tags["prompt"]) == prompt and tags["workflow"] == workflow
    if ending == ".mp4":
        data = path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


def test_nothing_half_written(media, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the older file")
    with pytest.raises(KeyError), VideoWriter(path, 192, 96, 30) as writer:
        writer.write(frames(media, 9))
        raise KeyError("stopped")
    assert path.read_bytes() == b"the older file" and list(tmp_path.iterdir()) == [path]
    with pytest.raises(MediaError, match="no frame"), VideoWriter(path, 192, 96, 30):
        pass
    assert list(tmp_path.iterdir()) == [path]
    with VideoWriter(path, 192, 96, 30) as writer:
        writer.write(frames(media, 9))
    assert open_clip(path).frame_count == 9 and list(tmp_path.iterdir()) == [path]


def test_sentences_for_bad_targets(media, tmp_path):
    with pytest.raises(MediaError, match="output folder .* does not exist"):
        VideoWriter(tmp_path / "none" / "a.mp4", 64, 64, 30)
    with pytest.raises(SettingError, match="ending '.avi'"):
        VideoWriter(tmp_path / "a.avi", 64, 64, 30)
    with pytest.raises(SettingError, match="width 63 px"):
        VideoWriter(tmp_path / "a.mp4", 63, 64, 30)
    for rate in (0, -3, float("inf"), "fast"):
        with pytest.raises(SettingError):
            VideoWriter(tmp_path / "a.mp4", 64, 64, rate)
    with pytest.raises(SettingError):
        VideoWriter(tmp_path / "a.mp4", 64, 64, 30, audio=(torch.zeros(5), 44100))
    with pytest.raises(ValueError), VideoWriter(tmp_path / "a.mp4", 64, 64, 30) as writer:
        writer.write(torch.zeros(1, 32, 64, 3, dtype=torch.uint8))
    assert not list(tmp_path.iterdir())
