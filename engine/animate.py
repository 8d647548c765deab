"""The whole job outside ComfyUI: a motion reference and character images in, a video file and a report out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import torch

from . import exchange, media
from .capture import BUILTIN, Subject, Tracker, best_segment, cut_track, draw_skeleton, extract_track, measure_track
from .errors import MediaError, SettingError
from .identity import bind_identity, load_identity, report_text
from .pipeline import prefetch
from .render import check_settings, plan, render_frames
from .restore import restore_faces
from .types import Clip, MotionTrack, RenderSettings

SEGMENTS = ("first", "auto")
StageProgress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total); stages: 'character', 'capture', 'render'."""


def animate(
    motion: Path | None,
    characters: list[Path],
    output: Path,
    settings: RenderSettings,
    *,
    track: Path | None = None,
    identity: Path | None = None,
    face_points: str = "",
    background: Path | None = None,
    start: float = 0,
    duration: float | None = None,
    segment: str = "first",
    restore: float = 0.0,
    subject: Subject | None = None,
    tracker: Tracker = BUILTIN,
    sheet: Path | None = None,
    progress: StageProgress | None = None,
) -> dict:
    """Writes `output` (and a contact sheet) and returns the report. All inputs are checked before long work starts.

    segment: 'first' plays `duration` seconds from `start`, 'auto' the best `duration` seconds after `start`.

    subject: who of several people performs. tracker: whose networks read the landmarks.
    track: a saved track that is played instead of capturing `motion`, which then gives the sound only, or is None.
    identity: a saved identity that plays instead of `characters`, which are then empty.
    face_points: where the face is in the first of `characters`, see `identity.face_points`.
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
    if segment == "auto" and track:
        raise SettingError("segment auto looks for the best part of a video and a track is played whole; use first.")
    if bool(characters) == bool(identity):
        raise SettingError(
            "an image of the character and a saved identity are given; choose one."
            if identity
            else "neither an image of the character nor a saved identity is given; add --character or --identity."
        )
    if face_points and identity:
        raise SettingError(
            "face_points belong to an image and a saved identity is given, which has them; leave them out."
        )
    _check_source(motion, track, start, duration)
    clip = media.open_clip(motion, start, duration if segment == "first" else None) if motion else None
    taken = exchange.load_track(track) if track else None
    bound = load_identity(identity) if identity else None
    images = [media.read_image(path) for path in characters]
    plate = media.read_image(background) if background else None
    clock = _Clock()
    if bound is None:
        names = [path.name for path in characters]
        bound = bind_identity(images, names, _stage(progress, "character"), face_points=face_points)
        clock.lap("character")
    chosen = None
    if taken is None:
        taken = extract_track(clip, subject=subject, tracker=tracker, progress=_stage(progress, "capture"))
        if segment == "auto":
            clip, taken, chosen = _best_part(clip, taken, duration)
        clock.lap("capture")
    render = plan(taken, bound, settings)
    frames: Iterator[torch.Tensor] = prefetch(
        render_frames(render, background=plate, progress=_stage(progress, "render"))
    )
    if restore:
        frames = restore_faces(frames, bound, restore, total=render.frame_count)
    keep = set(media.moments(render.frame_count))
    shown, written = [], 0
    with media.VideoWriter(output, render.width, render.height, taken.frame_rate, audio=clip) as writer:
        for batch in frames:
            writer.write(batch)
            shown += [batch[i].clone() for i in range(len(batch)) if written + i in keep]
            written += len(batch)
    clock.lap("render and write")
    if sheet:
        driver = _moments_of(clip, keep) if clip and clip.frame_count == len(taken) else _drawn(taken, keep)
        media.write_contact_sheet(sheet, [driver, shown])
    seconds = time.perf_counter() - began
    return {
        "output": str(output),
        "frames": written,
        "frame_rate": str(taken.frame_rate),
        "seconds": round(seconds, 2),
        "seconds_per_frame": round(seconds / max(written, 1), 4),
        "stages": clock.laps,
        "sound": clip is not None and clip.audio is not None,
        **render.report,
        "face_visible": round(float((taken.face_confidence > 0.5).float().mean()), 3),
        "segment": chosen or "first",
        "cuts": list(taken.cuts),
        "others": taken.report.get("others", []),
        "tracker": taken.report.get("tracker", ["builtin"]),
        "reference": taken.report.get("checks", []),
        "character": report_text(bound).splitlines(),
    }


def _check_source(motion, track, start, duration) -> None:
    if motion is None and track is None:
        raise SettingError("neither a motion reference nor a track is given; give one with --motion or --track.")
    if motion is None and (start or duration is not None):
        raise SettingError("start and duration choose a part of a video and a track is played whole; leave them out.")


def _moments_of(clip, keep: set[int]) -> list[torch.Tensor]:
    driver = []
    for batch in media.iterate(clip, batch=8, max_side=640):
        driver += [frame.clone() for i, frame in enumerate(batch.frames) if batch.first + i in keep]
    return driver


def _drawn(track, keep: set[int]) -> list[torch.Tensor]:
    return [draw_skeleton(track, i, i + 1, max_side=640)[0] for i in sorted(keep)]


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
