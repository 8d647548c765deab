"""read_audio: the sound of exactly the window."""

import numpy as np
import pytest

from motion_control.engine.media import open_clip, read_audio
from motion_control.engine.media.audio import to_stereo


def test_no_sound(media, tmp_path):
    assert read_audio(open_clip(media.make_video(tmp_path / "a.mp4", 5))) is None


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov", "ts"])
@pytest.mark.parametrize("start", [0, 0.7, 2.0, 2.4])
def test_a_tone_is_at_its_time(media, tmp_path, ending, start):
    path = media.make_video(tmp_path / f"a.{ending}", 120, 30, sound=media.burst(2.5, 4))
    clip = open_clip(path, start=start, duration=1.5 if start else None)
    sound, rate = read_audio(clip)
    assert rate == 44100 and sound.shape == (2, round(clip.duration * rate))
    heard = 2.5 - float(clip.start)
    if heard < clip.duration:
        assert abs(media.onset(sound, rate) - heard) < 0.006
    else:
        assert np.abs(sound.numpy()).max() < 0.05


@pytest.mark.parametrize("layout, channels", [("mono", 1), ("stereo", 2), ("5.1", 6)])
@pytest.mark.parametrize("rate", [22050, 48000])
def test_channels_and_rates_stay(media, tmp_path, layout, channels, rate):
    tone = media.burst(0.5, 1, rate, channels)
    path = media.make_video(tmp_path / "a.mp4", 30, sound=tone, sound_rate=rate, layout=layout)
    clip = open_clip(path)
    assert (clip.audio.channels, clip.audio.sample_rate) == (channels, rate)
    sound, found = read_audio(clip)
    assert (found, tuple(sound.shape)) == (rate, (channels, rate))
    assert abs(media.onset(sound, rate) - 0.5) < 0.01
    assert np.abs(sound.numpy()).max() == pytest.approx(0.5, abs=0.2)


def test_sound_that_ends_early_or_starts_late_is_padded(media, tmp_path):
    short = open_clip(media.make_video(tmp_path / "short.mp4", 60, 30, sound=media.burst(0.2, 0.5)))
    sound, rate = read_audio(short)
    assert sound.shape == (2, 88200) and np.abs(sound[:, 30000:].numpy()).max() < 1e-3
    behind = open_clip(short.source, start=1.0)
    assert not read_audio(behind)[0].any() and read_audio(behind)[0].shape == (2, 44100)

    late = media.make_video(
        tmp_path / "late.mkv",
        60,
        30,
        ticks=[100 + i for i in range(60)],
        sound=media.burst(3.5, 6),
        sound_codec="aac",
    )  # the picture begins at 3.333 s: its time zero
    clip = open_clip(late)
    assert abs(media.onset(read_audio(clip)[0], 44100) - (3.5 - 100 / 30)) < 0.006


def test_downmix():
    ramp = np.linspace(-1, 1, 8, dtype=np.float32)
    assert (to_stereo(ramp[None]) == np.stack([ramp, ramp])).all()
    stereo = np.stack([ramp, -ramp])
    assert to_stereo(stereo) is stereo
    for count in range(3, 10):
        assert np.abs(to_stereo(np.ones((count, 4), np.float32))).max() <= 1.0001
    left = np.zeros((6, 4), np.float32)
    left[0] = 1
    assert to_stereo(left)[0, 0] > 0.3 and not to_stereo(left)[1].any()
    bass = np.zeros((6, 4), np.float32)
    bass[3] = 1
    assert not to_stereo(bass).any()
