"""The sound of a clip's window: streamed in pieces, or whole for ComfyUI's AUDIO.

file     |----sound----------------------|
window         [=============================]
result         |--sound-----------------|0000|     always exactly duration x sample rate samples
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import av
import numpy as np
import torch

from ..types import Clip
from .container import audio_stream, read_only, reading

log = logging.getLogger(__name__)

_LEAD = 0.5
"""Seconds decoded before the window: an AAC or Opus decoder needs some packets to settle after a seek."""

_GAP = 0.005
"""Seconds. Smaller differences between a piece's time and the running count are rounding, not a gap."""

# Speaker -> share in (left, right): ITU-R BS.775 downmix, low-frequency channel left out.
_SHARES = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (0.7071, 0.7071),
    "BL": (0.7071, 0.0), "BR": (0.0, 0.7071), "SL": (0.7071, 0.0), "SR": (0.0, 0.7071),
    "BC": (0.5, 0.5), "LFE": (0.0, 0.0),
}  # fmt: skip

# The usual meaning of a channel count, in FFmpeg's order.
_SPEAKERS = {
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "FC", "BC"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def read_audio(clip: Clip) -> tuple[torch.Tensor, int] | None:
    """The window's sound: (float32 [C, N] in -1..1, sample rate in Hz), or None for a silent file.

    N is exactly round(duration x sample rate); silence stands where the file has no sound.
    """
    if clip.audio is None:
        return None
    sound = np.zeros((clip.audio.channels, sample_count(clip)), dtype=np.float32)
    position = 0
    for piece in stream_audio(clip):
        sound[:, position : position + piece.shape[1]] = piece
        position += piece.shape[1]
    return torch.from_numpy(sound), clip.audio.sample_rate


def sample_count(clip: Clip) -> int:
    """How many samples per channel the window has."""
    return round(clip.duration * clip.audio.sample_rate)


def stream_audio(clip: Clip) -> Iterator[np.ndarray]:
    """The window's sound in pieces float32 [C, n], without gaps; `sample_count(clip)` samples at most."""
    total, channels, rate = sample_count(clip), clip.audio.channels, clip.audio.sample_rate
    done = 0
    for at, piece in _placed(clip):
        if abs(at - done) <= _GAP * rate:
            at = done
        if at > done:
            silence = min(at, total) - done
            done += silence
            if silence:
                yield np.zeros((channels, silence), dtype=np.float32)
        piece = piece[:, max(0, done - at) : max(0, total - at)]
        if piece.shape[1]:
            done += piece.shape[1]
            yield piece
        if done >= total:
            return


def _placed(clip: Clip) -> Iterator[tuple[int, np.ndarray]]:
    """(sample number within the window, float32 [C, n]) of each decoded piece; numbers may be negative."""
    begin = clip.origin + clip.start
    for lead in (_LEAD, None):
        with reading(clip.source) as container:
            stream = audio_stream(container)
            if stream is None:
                return
            base = stream.time_base
            read_only(container, stream)
            if lead is not None and clip.start > 0:
                try:
                    container.seek(int((float(begin) - lead) / base), stream=stream)
                except (av.FFmpegError, OSError):
                    continue
            late = lead is not None and clip.start > 0
            at = 0
            for piece in _pieces(container, stream, clip):
                if piece[0] is not None:
                    at = round((piece[0] - begin) * clip.audio.sample_rate)
                if late and at > 0:
                    break  # the seek landed behind the window's start: decode from the beginning
                late = False
                yield at, piece[1]
                at += piece[1].shape[1]
            if not late:
                return


def _pieces(container, stream, clip: Clip) -> Iterator[tuple]:
    """(presentation time in seconds or None, float32 [C, n]) at the clip's sample rate and channel count."""
    resampler, shape = None, None
    try:
        for packet in container.demux(stream):
            try:
                frames = stream.decode(packet)
            except (av.FFmpegError, OSError):
                continue
            for frame in frames:
                found = (frame.format.name, frame.layout.name, frame.sample_rate)
                if found != shape:  # the first frame, or a stream that changes its form
                    wanted = _layout(stream, clip) or frame.layout.name
                    resampler = av.AudioResampler("fltp", wanted, clip.audio.sample_rate)
                    shape = found
                yield from _timed(resampler.resample(frame), clip.audio.channels)
        if resampler is not None:
            yield from _timed(resampler.resample(None), clip.audio.channels)
    except (av.FFmpegError, OSError) as error:
        log.warning("%s: the sound ends early (%s)", clip.source.name, error)


def _timed(parts, channels: int) -> Iterator[tuple]:
    for part in parts:
        yield None if part.pts is None else part.pts * part.time_base, _matched(part.to_ndarray(), channels)


def _layout(stream, clip: Clip) -> str | None:
    layout = stream.codec_context.layout
    return layout.name if layout.nb_channels == clip.audio.channels else None


def _matched(samples: np.ndarray, channels: int) -> np.ndarray:
    """[C, n] with the promised number of channels."""
    if len(samples) == channels:
        return samples
    return np.resize(samples, (channels, samples.shape[1])) if len(samples) else np.zeros((channels, 0), np.float32)


def to_stereo(samples: np.ndarray) -> np.ndarray:
    """float32 [C, n] -> [2, n]. Mono is doubled; more speakers are mixed without exceeding full scale."""
    count = len(samples)
    if count <= 2:
        return np.repeat(samples, 2, axis=0) if count == 1 else samples
    names = _SPEAKERS.get(count, ("FC",) * count)
    mix = np.array([_SHARES[name] for name in names], dtype=np.float32).T
    return (mix / mix.sum(axis=1, keepdims=True)) @ samples
