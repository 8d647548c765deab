"""The voice: length, level, and silence where the mouth is silent."""

import numpy as np
import torch

from motion_control.engine.performance.script import SECONDS, perform
from motion_control.engine.performance.sound import PEAK_DB, SAMPLE_RATE, mouth_acoustics, voice


def levels(sound: torch.Tensor, window: float = 0.02) -> np.ndarray:
    """Root mean square of each window, dB."""
    pieces = sound[0].numpy().reshape(-1, round(window * SAMPLE_RATE))
    return 20 * np.log10(np.sqrt((pieces**2).mean(1)) + 1e-9)


def test_length_and_level():
    sound = voice()
    assert sound.shape == (1, round(SECONDS * SAMPLE_RATE)) and sound.dtype == torch.float32
    assert abs(20 * np.log10(float(sound.abs().max())) - PEAK_DB) < 0.01


def test_a_part_is_the_beginning():
    torch.testing.assert_close(voice(0.25), voice()[:, : SAMPLE_RATE // 4])


def test_nothing_clicks():
    sound = voice()[0].numpy()
    assert np.abs(np.diff(sound)).max() < 0.06
    assert np.abs(sound[[0, -1]]).max() < 1e-4


def test_the_voice_follows_the_mouth():
    level = levels(voice())
    middle = (np.arange(len(level)) + 0.5) * 0.02
    played = perform(middle)
    _, openness = mouth_acoustics(played.controls)
    singing = (played.effort > 0.8) & (openness > 0.9)
    closed = openness < 0.02
    silent = played.effort == 0
    assert singing.sum() > 20 and level[singing].min() > -36
    assert level[closed].max() < -36 and level[silent].max() < -80


def test_vowels_differ():
    formants, _ = mouth_acoustics(perform(np.array([3.7, 4.8, 5.15])).controls)
    a, o, ee = formants[:2].T
    assert a[0] > 650 and o[0] < 650 and ee[0] < 450
    assert o[1] < a[1] < ee[1] and ee[1] > 1900
