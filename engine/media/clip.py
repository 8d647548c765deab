"""Opening a video: which frames it has, when they are shown, how they are turned. Decodes one picture."""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from .. import types
from ..errors import MediaError, SettingError
from . import numbers, orientation, timing
from .container import audio_stream, existing_file, read_only, reading, video_stream

log = logging.getLogger(__name__)

_DEFAULT_RATE = Fraction(25)
"""Frames per second of a single picture whose container states none."""


def open_clip(path: str | Path, start=0, duration=None, force_rate=None) -> types.Clip:
    """Describes a window of a video without decoding it.

    start: seconds from the video's first frame, >= 0. duration: seconds, > 0; None = to the end.
    force_rate: frames per second to resample to by nearest presentation time; None or 0 = the file's own.

    The frames of the clip, exactly `frame_count` of them:
    * a constant rate: every stored frame with start <= time < start + duration, once;
    * a variable rate, or force_rate: a constant grid from start on, each place showing the stored frame
      nearest in time, so that the duration is kept within half a frame.

    Raises MediaError (the file, or start beyond its end) and SettingError (a value that makes no sense).
    """
    path = existing_file(path)
    start = numbers.seconds(start, "start")
    if start < 0:
        raise SettingError(f"start is {numbers.spoken(start)} s for {path.name}; choose 0 or more.")
    if duration is not None:
        duration = numbers.seconds(duration, "duration")
        if duration <= 0:
            raise SettingError(
                f"duration is {numbers.spoken(duration)} s for {path.name}; choose more than 0, or none."
            )
    forced = numbers.frame_rate(force_rate, "force_rate") if force_rate else None

    line = _time_line(path)
    look = _first_picture(path)
    ticks, base = line.ticks, line.time_base
    total = Fraction(int(line.end - ticks[0])) * base
    if start >= total:
        raise MediaError(
            f"start {numbers.spoken(start)} s is beyond the end of {path.name} ({numbers.spoken(total)} s); "
            f"choose a start below {numbers.spoken(total)}."
        )
    end = total if duration is None else min(total, start + duration)

    rate = forced or line.rate
    if line.constant and rate == line.rate:
        picks = ticks[timing.inside(ticks, base, start, end)]
        start = Fraction(int(picks[0] - ticks[0])) * base
    else:
        count = max(1, round((end - start) * rate))
        picks = ticks[timing.nearest(ticks, base, start, rate, count)]
    keys = line.keys[line.keys <= picks[0]] if line.seekable else line.keys[:0]
    return types.Clip(
        source=path,
        start=start,
        duration=len(picks) / rate,
        frame_rate=rate,
        frame_count=len(picks),
        width=look.width,
        height=look.height,
        rotation=look.rotation,
        mirrored=look.mirrored,
        audio=line.audio,
        force_rate=forced,
        source_rate=line.rate,
        time_base=base,
        origin=line.origin,
        source_times=torch.from_numpy(np.ascontiguousarray(picks)),
        by_count=line.by_count,
        entry=int(keys[-1]) if len(keys) else None,
    )


@dataclass(frozen=True)
class _TimeLine:
    """When the frames of a file are shown. ticks: int64, sorted; end: tick at which the last one disappears.

    keys: ticks of the key frames. rate: its constant rate, or the one to resample to. by_count: the times
    are only frame numbers. seekable: times are the same after a seek.
    """

    ticks: np.ndarray
    end: int
    keys: np.ndarray
    time_base: Fraction
    origin: Fraction
    rate: Fraction
    constant: bool
    by_count: bool
    seekable: bool
    audio: types.AudioSource | None


@dataclass(frozen=True)
class _Look:
    """width, height: px as shown, after pixel aspect, mirroring and turning."""

    width: int
    height: int
    rotation: int
    mirrored: bool


def _time_line(path: Path) -> _TimeLine:
    """Reads the packets of the video stream, not their pixels."""
    times, keys = array("q"), array("q")
    packets, complete, last_pts, last_step = 0, True, None, 0
    with reading(path) as container:
        stream = video_stream(container, path)
        base = stream.time_base
        # A program stream (.mpg) carries few times; those in between are guessed from where reading began.
        restamped = container.format.name.startswith("mpeg") and container.format.name != "mpegts"
        stated = [r for r in (stream.guessed_rate, stream.average_rate, stream.base_rate) if r and r <= 1000]
        sound = audio_stream(container)
        audio = sound and types.AudioSource(sound.codec_context.sample_rate, sound.codec_context.layout.nb_channels)
        read_only(container, stream)
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_corrupt or packet.is_discard:
                    continue  # the end mark, a torn packet, or one that an edit list hides
                packets += 1
                if packet.pts is None:
                    complete = False
                    continue
                times.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if last_pts is None or packet.pts >= last_pts:
                    last_pts, last_step = packet.pts, packet.duration or 0
        except (av.FFmpegError, OSError) as error:
            log.warning("%s: reading stopped after %d frames (%s)", path.name, packets, error)
    if not packets:
        raise MediaError(f"{path.name} has a video stream without any frame; copy or record it again.")

    by_count = not complete or base is None
    origin = Fraction(0)
    if by_count:
        rate = stated[0] if stated else _DEFAULT_RATE
        base, last_step = 1 / rate, 1
        ticks, key_ticks, constant = np.arange(packets, dtype=np.int64), np.zeros(0, np.int64), True
    else:
        ticks = timing.visible(np.frombuffer(times, np.int64), base)
        key_ticks = np.sort(np.frombuffer(keys, np.int64)) if len(keys) else np.zeros(0, np.int64)
        origin = int(ticks[0]) * base
        found = timing.constant_rate(ticks, base, stated)
        constant = found is not None or len(ticks) == 1
        rate = found or (timing.sensible_rate(ticks, base) if len(ticks) > 1 else _single(stated, last_step * base))
    if constant:
        end = int(ticks[0]) + max(1, round(len(ticks) / (rate * base)))
    else:
        usual = int(np.median(np.diff(ticks)))
        end = int(ticks[-1]) + (last_step if last_step > 0 else usual)
    seekable = not by_count and not restamped
    return _TimeLine(ticks, end, key_ticks, base, origin, rate, constant, by_count, seekable, audio)


def _single(stated: list[Fraction], shown: Fraction) -> Fraction:
    """The rate of a clip of one frame, shown for `shown` seconds (0 = unknown)."""
    for rate in stated:
        if 1 <= rate <= 240:
            return rate
    return (1 / shown).limit_denominator(1001) if Fraction(1, 240) <= shown <= 1 else _DEFAULT_RATE


def _first_picture(path: Path) -> _Look:
    """Decodes until one picture comes; raises MediaError when none does."""
    reason = "no picture in its data"
    with reading(path) as container:
        stream = video_stream(container, path)
        try:
            for packet in container.demux(stream):
                try:
                    frames = stream.decode(packet)
                except (av.FFmpegError, OSError) as error:
                    reason = getattr(error, "strerror", None) or str(error)
                    continue
                for frame in frames:
                    return _look(frame, stream.sample_aspect_ratio)
        except (av.FFmpegError, OSError) as error:
            reason = getattr(error, "strerror", None) or str(error)
    raise MediaError(f"{path.name} cannot be decoded ({reason}); convert it to H.264 or record it again.")


def _look(frame: av.VideoFrame, aspect: Fraction | None) -> _Look:
    width, height = frame.width, frame.height
    if aspect and Fraction(1, 4) <= aspect <= 4 and abs(aspect - 1) > Fraction(1, 100):
        width = max(2, round(width * aspect))
    rotation, mirrored = orientation.of_frame(frame)
    if rotation in (90, 270):
        width, height = height, width
    return _Look(width, height, rotation, mirrored)
