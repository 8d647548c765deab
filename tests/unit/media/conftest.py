"""Makers of small media files: every test generates what it reads."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

BITS = 12
BLOCK = 16


def paint(number: int, width: int = 192, height: int = 96) -> np.ndarray:
    """A grey picture uint8 [H, W, 3] whose top row of 16 px blocks says `number` in black and white bits."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for bit in range(BITS):
        picture[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 if number >> bit & 1 else 0
    return picture


def number_in(picture) -> int:
    """The number that `paint` wrote; picture: uint8 [H, W, 3] of the painted width."""
    row = np.asarray(picture)[BLOCK // 2, :, 1]
    return sum(int(row[bit * BLOCK + BLOCK // 2] > 127) << bit for bit in range(BITS))


def burst(at: float, length: float, rate: int = 44100, channels: int = 2, channel: int | None = None) -> np.ndarray:
    """Silence float32 [C, N] with 40 ms of a 1 kHz tone from second `at` on, in one channel or in all."""
    time = np.arange(round(length * rate)) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time) * ((time >= at) & (time < at + 0.04))
    sound = np.zeros((channels, len(time)), np.float32)
    sound[slice(None) if channel is None else channel] = tone
    return sound


def onset(sound, rate: int) -> float:
    """Second at which a sound [C, N] first gets loud."""
    return float(np.argmax(np.abs(np.asarray(sound)).max(0) > 0.2)) / rate


def make_video(
    path: Path,
    frames: int = 30,
    rate=30,
    size=(192, 96),
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict | None = None,
    ticks: list[int] | None = None,
    time_base: Fraction | None = None,
    picture=paint,
    sound: np.ndarray | None = None,
    sound_rate: int = 44100,
    sound_codec: str = "aac",
    layout: str = "stereo",
    prepare=None,
    movflags: str = "",
) -> Path:
    """Encodes picture(i, width, height) for each frame. ticks: their times in time_base (variable rate)."""
    with av.open(str(path), "w", container_options={"movflags": movflags} if movflags else {}) as out:
        video = out.add_stream(codec, rate=Fraction(rate), options={"preset": "ultrafast", **(options or {})})
        video.width, video.height, video.pix_fmt = *size, pix_fmt
        base = time_base or 1 / Fraction(rate)
        video.codec_context.time_base = base
        if prepare:
            prepare(video)
        audio = None
        if sound is not None:
            audio = out.add_stream(sound_codec, rate=sound_rate)
            audio.layout = layout
        for i in range(frames):
            made = picture(i, *size)
            frame = made if isinstance(made, av.VideoFrame) else av.VideoFrame.from_ndarray(made, format="rgb24")
            if frame.format.name != pix_fmt:
                frame = frame.reformat(format=pix_fmt)
            frame.pts, frame.time_base = (ticks[i] if ticks else i), base
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        if audio is not None:
            for at in range(0, sound.shape[1], 1024):
                piece = np.ascontiguousarray(sound[:, at : at + 1024])
                frame = av.AudioFrame.from_ndarray(piece, "fltp", layout)
                frame.sample_rate, frame.pts, frame.time_base = sound_rate, at, Fraction(1, sound_rate)
                out.mux(audio.encode(frame))
            out.mux(audio.encode(None))
    return path


def set_matrix(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """Writes the a, b, c, d of a display matrix into the first track header of an MP4."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: 24 bytes of times and number, 16 of layer and volume
    a, b, c, d = (value << 16 for value in matrix)
    for i, value in enumerate((a, b, 0, c, d, 0, 0, 0, 1 << 30)):
        data[at + 4 * i : at + 4 * i + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def media():
    """The makers, as one object."""
    return SimpleNamespace(
        paint=paint,
        number_in=number_in,
        burst=burst,
        onset=onset,
        make_video=make_video,
        set_matrix=set_matrix,
    )
