"""The whole job outside ComfyUI: a motion reference and character images in, a video file and a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import torch

from . import media
from .capture import best_segment, cut_track, extract_track, measure_track
from .errors import MediaError, SettingError
from .identity import bind_identity, report_text
from .pipeline import prefetch
from .render import check_settings, plan, render_frames
from .restore import restore_faces
from .types import Clip, MotionTrack, RenderSettings

SEGMENTS = ("first", "auto")
StageProgress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total); stages: 'character', 'capture', 'render'."""


def animate(
    motion: Path,
    characters: list[Path],
    output: Path,
    settings: RenderSettings,
    *,
    background: Path | None = None,
    start: float = 0,
    duration: float | None = None,
    segment: str = "first",
    restore: float = 0.0,
    sheet: Path | None = None,
    progress: StageProgress | None = None,
) -> dict:
    """Writes `output` (and a contact sheet) and returns the report. segment: 'first' plays `duration` seconds from
    `start`, 'auto' the best `duration` seconds after `start`. All inputs are checked before long work starts.

    Raises MotionControlError with one sentence for bad input.
    """
    began = time.perf_counter()
    output = media.check_target(output)
    if sheet and not sheet.parent.is_dir():
        raise MediaError(f"The folder {sheet.parent} of the contact sheet does not exist; create it or choose another.")
    check_settings(settings)
    if not 0 <= restore <= 1:
        raise SettingError(f"restore is {restore}; choose a value from 0 to 1.")
    if segment not in SEGMENTS:
        raise SettingError(f"segment is {segment!r}; choose one of {', '.join(SEGMENTS)}.")
    if segment == "auto" and not (duration and duration > 0):
        raise SettingError(f"segment auto needs a duration in seconds and it is {duration}; give one, such as 5.")
    clip = media.open_clip(motion, start, duration if segment == "first" else None)
    images = [media.read_image(path) for path in characters]
    plate = media.read_image(background) if background else None
    clock = _Clock()
    identity = bind_identity(images, [path.name for path in characters], progress=_stage(progress, "character"))
    clock.lap("character")
    track = extract_track(clip, progress=_stage(progress, "capture"))
    chosen = None
    if segment == "auto":
        clip, track, chosen = _best_part(clip, track, duration)
    clock.lap("capture")
    render = plan(track, identity, settings)
    frames: Iterator[torch.Tensor] = prefetch(
        render_frames(render, background=plate, progress=_stage(progress, "render"))
    )
    if restore:
        frames = restore_faces(frames, identity, restore, total=render.frame_count)
    keep = set(media.moments(render.frame_count))
    shown, written = [], 0
    with media.VideoWriter(output, render.width, render.height, clip.frame_rate, audio=clip) as writer:
        for batch in frames:
            writer.write(batch)
            shown += [batch[i].clone() for i in range(len(batch)) if written + i in keep]
            written += len(batch)
    clock.lap("render and write")
    if sheet:
        driver = []
        for batch in media.iterate(clip, batch=8, max_side=640):
            driver += [frame.clone() for i, frame in enumerate(batch.frames) if batch.first + i in keep]
        media.write_contact_sheet(sheet, [driver, shown])
    seconds = time.perf_counter() - began
    return {
        "output": str(output),
        "frames": written,
        "frame_rate": str(clip.frame_rate),
        "seconds": round(seconds, 2),
        "seconds_per_frame": round(seconds / max(written, 1), 4),
        "stages": clock.laps,
        "sound": clip.audio is not None,
        **render.report,
        "face_visible": round(float((track.face_confidence > 0.5).float().mean()), 3),
        "segment": chosen or "first",
        "reference": track.report.get("checks", []),
        "character": report_text(identity).splitlines(),
    }


def _best_part(clip: Clip, track: MotionTrack, seconds: float) -> tuple[Clip, MotionTrack, str]:
    """The clip and the track of the best part, and why it was chosen."""
    found = best_segment(measure_track(track), float(track.frame_rate), seconds, track.cuts)
    start, length = clip.start + found.start / clip.frame_rate, found.stop - found.start
    # half a frame early: the frame itself must not be missed by rounding
    begin = max(0.0, float(start - Fraction(1, 2) / clip.frame_rate)) if found.start else float(clip.start)
    part = media.open_clip(clip.source, begin, float(length / clip.frame_rate), clip.force_rate)
    length = min(length, part.frame_count)
    return part, cut_track(track, found.start, found.start + length), found.reason


class _Clock:
    """Seconds of each stage."""

    def __init__(self):
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now


def _stage(progress: StageProgress | None, name: str):
    return (lambda done, total: progress(name, done, total)) if progress else None
