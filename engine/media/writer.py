"""Writing an H.264 video with sound, a piece at a time."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

from ..errors import MediaError, MotionControlError, SettingError
from ..targets import check_place
from ..types import Clip
from . import numbers
from .audio import stream_audio, to_stereo
from .colour import ToYUV

CONTAINERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}

# The presets of x264, 150 frames of 480x480 at crf 17 on two cores: ultrafast 2.3 ms a frame and 1065 kB,
# superfast 2.7 / 549, veryfast 3.4 / 217, faster 4.9 / 245. veryfast is the smallest, and streams.
_PRESET = "veryfast"

_AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000)
_AAC_FRAME = 1024
_AAC_BITS = 192_000

AudioInput = Clip | tuple[torch.Tensor, int] | None


class VideoWriter:
    """Writes frames to an .mp4, .mov or .mkv file: H.264 yuv420p, converted to bt709 and tagged so.

    Use it as a context manager. The file appears under its name only when the block ends without an error;
    until then it is a hidden neighbour, which is removed on failure.

        with VideoWriter("out.mp4", 512, 512, clip.frame_rate, audio=clip) as writer:
            for frames in stream:            # uint8 [B, H, W, 3]
                writer.write(frames)

    width, height: px, even. frame_rate: exact, as a Fraction, or a number. audio: a Clip (its sound, cut to
    its window and streamed), or (float32 [C, N] or [1, C, N], sample rate in Hz), or None. The sound is
    mixed to stereo AAC at its own sample rate and cut, or padded with silence, to the length of the frames.
    crf: 0 (lossless) .. 51. metadata: tags; a value that is no string is written as JSON.

    write() holds no lock while it converts and encodes, so it can run in a thread of its own; one writer
    belongs to one thread at a time. Raises SettingError for a value and MediaError for a file that cannot be.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        frame_rate,
        audio: AudioInput = None,
        crf: int = 17,
        preset: str = _PRESET,
        metadata: dict | None = None,
    ):
        self.path = check_target(path)
        self.width, self.height = width, height
        self.frame_rate = numbers.frame_rate(frame_rate)
        self.frame_count = 0
        for name, side in (("width", width), ("height", height)):
            if side < 2 or side % 2:
                raise SettingError(f"{name} {side} px cannot be written as H.264; choose an even size, 2 or more.")
        if not 0 <= crf <= 51:
            raise SettingError(f"crf is {crf}; choose 0 (lossless) to 51 (smallest file).")
        sound = _sound(audio)

        self._part = self.path.with_name(f".{self.path.stem}-{secrets.token_hex(4)}{self.path.suffix}")
        self._to_yuv = ToYUV()
        self._container = None
        try:
            self._container = av.open(
                str(self._part),
                "w",
                format=CONTAINERS[self.path.suffix.lower()],
                container_options={"movflags": "+faststart+use_metadata_tags"} if self._is_mov() else {},
            )
            for key, value in (metadata or {}).items():
                self._container.metadata[key] = value if isinstance(value, str) else json.dumps(value)
            self._video = self._add_video(crf, preset)
            self._sound = _Soundtrack(self._container, *sound) if sound else None
        except (av.FFmpegError, OSError, ValueError) as error:
            self.abort()
            raise self._failure(error) from error

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write(self, frames: torch.Tensor) -> None:
        """Adds frames uint8 [B, H, W, 3], RGB."""
        expected = (self.height, self.width, 3)
        if frames.dtype != torch.uint8 or frames.ndim != 4 or tuple(frames.shape[1:]) != expected:
            raise ValueError(f"{self.path.name} wants uint8 [B, {self.height}, {self.width}, 3], got "
                             f"{frames.dtype} {tuple(frames.shape)}")  # fmt: skip
        try:
            for picture in frames.cpu().contiguous():
                frame = self._to_yuv.frame(picture)
                frame.pts, frame.time_base = self.frame_count, 1 / self.frame_rate
                self._mux(self._video.encode(frame))
                self.frame_count += 1
            if self._sound:
                self._sound.advance(self.frame_count / self.frame_rate)
        except (av.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def close(self) -> None:
        """Finishes the file and gives it its name."""
        if self._container is None:
            return
        if not self.frame_count:
            self.abort()
            raise MediaError(f"no frame was made for {self.path.name}; nothing was written.")
        try:
            self._mux(self._video.encode(None))
            if self._sound:
                self._sound.finish(self.frame_count / self.frame_rate)
            self._container.close()
            self._container = None
            os.replace(self._part, self.path)
        except MotionControlError:
            self.abort()
            raise
        except (av.FFmpegError, OSError) as error:
            self.abort()
            raise self._failure(error) from error

    def abort(self) -> None:
        """Gives up: closes and removes what was written so far; an older file of that name stays."""
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (av.FFmpegError, OSError, ValueError):
                pass  # already failing; the file goes away
        self._part.unlink(missing_ok=True)

    def _is_mov(self) -> bool:
        return self.path.suffix.lower() != ".mkv"

    def _add_video(self, crf: int, preset: str) -> av.video.stream.VideoStream:
        options = {"crf": str(crf), "preset": preset}
        stream = self._container.add_stream("libx264", rate=self.frame_rate, options=options)
        stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
        stream.time_base = 1 / self.frame_rate
        context = stream.codec_context
        context.time_base = 1 / self.frame_rate
        context.color_primaries = context.color_trc = context.colorspace = 1  # bt709 in ITU-T H.273
        context.color_range = 1  # limited
        return stream

    def _mux(self, packets) -> None:
        for packet in packets:
            if not packet.duration:
                packet.duration = round(1 / (self.frame_rate * packet.time_base))
            self._container.mux(packet)

    def _failure(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or str(error)
        return MediaError(f"{self.path.name} could not be written ({reason}); check the folder, its space and rights.")


class _Soundtrack:
    """Encodes pieces of stereo sound in step with the picture."""

    def __init__(self, container: av.container.OutputContainer, pieces: Iterator[np.ndarray], rate: int):
        self._container, self._pieces, self._rate = container, pieces, rate
        out_rate = min(_AAC_RATES, key=lambda r: (abs(r - rate), -r))
        self._stream = container.add_stream("aac", rate=out_rate)
        self._stream.layout = "stereo"
        self._stream.bit_rate = _AAC_BITS
        self._resampler = av.AudioResampler("fltp", "stereo", out_rate) if out_rate != rate else None
        self._waiting = np.zeros((2, 0), dtype=np.float32)
        self._done = 0

    def advance(self, until: Fraction) -> None:
        """Encodes whole frames up to a time in seconds."""
        while self._done + _AAC_FRAME <= until * self._rate:
            self._encode(self._take(_AAC_FRAME))

    def finish(self, total: Fraction) -> None:
        """Encodes the rest up to the exact length in seconds, with silence where the sound has ended."""
        end = round(total * self._rate)
        while self._done < end:
            self._encode(self._take(min(_AAC_FRAME, end - self._done)))
        if self._resampler:
            self._mux_frames(self._resampler.resample(None))
        self._mux_frames([None])

    def _take(self, count: int) -> np.ndarray:
        parts, have = [self._waiting], self._waiting.shape[1]
        while have < count:
            piece = next(self._pieces, None)
            piece = np.zeros((2, count - have), dtype=np.float32) if piece is None else to_stereo(piece)
            parts.append(piece)
            have += piece.shape[1]
        joined = np.concatenate(parts, axis=1)
        self._waiting = joined[:, count:]
        return joined[:, :count]

    def _encode(self, samples: np.ndarray) -> None:
        samples = np.clip(np.nan_to_num(samples), -1, 1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, dtype=np.float32), "fltp", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
        self._done += samples.shape[1]
        self._mux_frames(self._resampler.resample(frame) if self._resampler else [frame])

    def _mux_frames(self, frames) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))


def check_target(path: str | Path) -> Path:
    """The path that a video can be written to; raises SettingError or MediaError with one sentence otherwise."""
    path = Path(path)
    if path.suffix.lower() not in CONTAINERS:
        raise SettingError(f"{path.name} has the ending '{path.suffix}'; choose {', '.join(CONTAINERS)}.")
    return check_place(path)


def _sound(audio: AudioInput) -> tuple[Iterator[np.ndarray], int] | None:
    """(pieces of float32 [C, n], sample rate), or None for no sound."""
    if audio is None:
        return None
    if isinstance(audio, Clip):
        return (stream_audio(audio), audio.audio.sample_rate) if audio.audio else None
    wave, rate = audio
    wave = wave[0] if wave.ndim == 3 else wave
    if wave.ndim != 2 or not wave.shape[0] or not 0 < int(rate) <= 768_000:
        raise SettingError(
            f"the sound has shape {tuple(wave.shape)} at {rate} Hz; give [channels, samples] and a rate."
        )
    samples = wave.detach().float().cpu().numpy()
    return (samples[:, at : at + 65536] for at in range(0, samples.shape[1], 65536)), int(rate)
