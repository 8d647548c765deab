"""The voice of the performance: a pulse train through the formants that the mouth makes, in step with it.

The pulses are written as a sum of their harmonics, each as loud as the formants let it pass at that moment. So
nothing rings, clicks or aliases when the formants move.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from .script import SECONDS, perform

SAMPLE_RATE = 48_000
PEAK_DB = -12.0
"""Level of the loudest sample, dB below full scale."""
_CURVE_RATE = 1000
_HARMONICS = 30
_BANDWIDTHS = (90.0, 110.0, 170.0, 250.0)
"""Hz, of formants 1 to 4; usual values of speech synthesis (Klatt 1980)."""


def voice(seconds: float = SECONDS) -> torch.Tensor:
    """The sound of the performance's first seconds, float32 [1, N] at SAMPLE_RATE.

    The level of the whole performance is PEAK_DB, so that a part of it has the level that it has there.
    """
    total = round(SECONDS * SAMPLE_RATE)
    coarse = np.arange(round(SECONDS * _CURVE_RATE) + 1) / _CURVE_RATE
    played = perform(coarse)
    formants, openness = mouth_acoustics(played.controls)
    loudness = played.effort * (0.25 + 0.75 * openness)
    pitch = played.pitch * (1 + 0.008 * np.sin(math.tau * 5.2 * coarse))
    fine = np.arange(total) / SAMPLE_RATE
    phase = math.tau * np.cumsum(np.interp(fine, coarse, pitch)) / SAMPLE_RATE
    sound = np.zeros(total)
    for harmonic in range(1, _HARMONICS + 1):
        passed = loudness * _resonance(harmonic * pitch, formants, openness) / harmonic
        sound += np.interp(fine, coarse, passed) * np.sin(harmonic * phase)
    sound *= 10 ** (PEAK_DB / 20) / np.abs(sound).max()
    return torch.from_numpy(sound[: round(seconds * SAMPLE_RATE)]).float()[None]


def mouth_acoustics(controls: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Formants [4, T] in Hz and openness [T] 0..1 of the rig's mouth controls. Open jaw: "a" (about 760, 1250 Hz),
    pucker: "o" (470, 850), wide lips: "ee" (330, 2200)."""
    jaw = np.clip(controls["jawOpen"] / 0.4, 0, 1.3)
    pucker, wide = controls["mouthPucker"], controls["mouthWide"]
    closed = np.maximum(controls["mouthClose"], controls["mouthPress"])
    openness = np.clip((1 - closed) / 0.5, 0, 1) ** 1.5
    first = 300 + 470 * jaw - 60 * pucker
    second = 1250 + 1050 * wide - 500 * pucker
    return np.stack([first, second, 2700 + 250 * wide, 3700 + 0 * wide]), openness


def _resonance(hertz: np.ndarray, formants: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """How loud a frequency leaves the mouth. Closed lips hum: only the lowest part comes through the nose."""
    gain = np.ones_like(hertz)
    for formant, bandwidth in zip(formants, _BANDWIDTHS, strict=True):
        gain *= formant**2 / np.hypot(formant**2 - hertz**2, bandwidth * hertz)
    hum = 4 / (1 + (hertz / 300) ** 4)
    return openness * gain + (1 - openness) * hum
