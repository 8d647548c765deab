"""Decoding the frames of a Clip as a stream of batches; memory does not grow with its length."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain, dropwhile

import av
import numpy as np
import torch

from ..errors import MediaError, SettingError
from ..types import Clip, FrameBatch
from . import orientation
from .colour import ToRGB
from .container import read_only, reading, video_stream

log = logging.getLogger(__name__)

_BACK_OFF = 10
"""Seconds to go further back when a seek lands behind the wanted frame."""


def scaled_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """(width, height) px with the longer side at most max_side, proportions kept, even when reduced."""
    longer = max(width, height)
    if max_side is None or longer <= max_side:
        return width, height
    return tuple(max(2, round(side * max_side / longer / 2) * 2) for side in (width, height))


def iterate(clip: Clip, batch: int = 8, max_side: int | None = None) -> Iterator[FrameBatch]:
    """Decodes the clip's window: FrameBatches of up to `batch` frames, clip.frame_count frames in all.

    Frames are uint8 RGB [B, H, W, 3], turned upright, no longer side above max_side px; times are
    i / frame_rate seconds from the start of the window. A frame that cannot be decoded is replaced by its
    nearest neighbour in time, with a warning in the log. Raises MediaError when nothing can be decoded.
    """
    if batch < 1:
        raise SettingError(f"batch is {batch}; choose 1 or more.")
    if max_side is not None and max_side < 2:
        raise SettingError(f"max_side is {max_side} px; choose 2 or more, or none for the clip's own size.")
    return _batches(clip, batch, *scaled_size(clip.width, clip.height, max_side))


def _batches(clip: Clip, batch: int, width: int, height: int) -> Iterator[FrameBatch]:
    sideways = clip.rotation in (90, 270)
    to_rgb = ToRGB(*((height, width) if sideways else (width, height)))
    shown = _one_per_place(clip)
    for first in range(0, clip.frame_count, batch):
        count = min(batch, clip.frame_count - first)
        frames = torch.empty((count, height, width, 3), dtype=torch.uint8)
        pixels = frames.numpy()  # numpy copies in this thread; torch's thread pool would fight with the decoder's
        previous = None
        for row in range(count):
            frame = next(shown)
            if frame is previous:
                frames[row] = frames[row - 1]
            else:
                for channel, plane in enumerate(to_rgb.planes(frame)):
                    np.copyto(pixels[row, ..., channel], orientation.turn(plane, clip.rotation, clip.mirrored))
            previous = frame
        if first + count == clip.frame_count:
            next(shown, None)  # nothing more comes: it reports what was missing and closes the file
        times = torch.arange(first, first + count, dtype=torch.float64) / float(clip.frame_rate)
        yield FrameBatch(frames, times, first)


def _one_per_place(clip: Clip) -> Iterator[av.VideoFrame]:
    """For each entry of clip.source_times the decoded frame of that time, or its nearest neighbour."""
    decoded = _timed(clip)
    ahead = next(decoded, None)
    if ahead is None:
        raise MediaError(f"{clip.source.name} cannot be decoded from {float(clip.start):.3f} s on; record it again.")
    behind, missing = None, 0
    for wanted in clip.source_times.tolist():
        while ahead is not None and ahead[0] < wanted:
            behind, ahead = ahead, next(decoded, None)
        chosen = min((f for f in (behind, ahead) if f is not None), key=lambda f: abs(f[0] - wanted))
        missing += chosen[0] != wanted
        yield chosen[1]
    if missing:
        log.warning(
            "%s: %d of %d frames could not be decoded; their neighbours are repeated",
            clip.source.name,
            missing,
            clip.frame_count,
        )


def _timed(clip: Clip) -> Iterator[tuple[int, av.VideoFrame]]:
    """(ticks, frame) in order of presentation, from the window's first frame, or shortly before it, on."""
    wanted = int(clip.source_times[0])
    entries: list[int | None] = [None]
    if clip.entry is not None:
        entries = [clip.entry, clip.entry - int(_BACK_OFF / clip.time_base), None]
    for entry in entries:
        with reading(clip.source) as container:
            stream = video_stream(container, clip.source)
            stream.thread_type = "AUTO"
            read_only(container, stream)
            if entry is not None:
                try:
                    container.seek(entry, stream=stream)
                except (av.FFmpegError, OSError):
                    continue
            frames = _decoded(container, stream)
            if clip.by_count:
                yield from enumerate(frames)
                return
            timed = ((f.pts if f.pts is not None else f.dts, f) for f in frames)
            timed = (pair for pair in timed if pair[0] is not None)
            if entry is not None:
                timed = dropwhile(lambda pair: pair[0] < wanted, timed)
            first = next(timed, None)
            if entry is not None and (first is None or first[0] != wanted):
                continue  # the seek landed too late, or times are not exact after it
            if first is not None:
                yield from chain([first], timed)
            return


def _decoded(container: av.container.InputContainer, stream: av.video.stream.VideoStream) -> Iterator[av.VideoFrame]:
    """Every frame that decodes; broken packets are passed over, a broken end ends the stream."""
    try:
        for packet in container.demux(stream):
            try:
                frames = stream.decode(packet)
            except (av.FFmpegError, OSError):
                continue
            yield from frames
    except (av.FFmpegError, OSError) as error:
        log.warning("decoding stopped early (%s)", error)
