"""Capture outside ComfyUI: a motion reference in, its track as a file, and pictures and key points of it if wished."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from . import exchange, media
from .capture import BUILTIN, Tracker, draw_skeleton, extract_track
from .errors import MediaError, SettingError
from .types import MotionTrack, Progress

SIMPLE = "simple"
SKELETON_STYLES = (SIMPLE, *exchange.STYLES)
_STEP = 32


def record(
    motion: Path,
    output: Path,
    *,
    smoothing: float = 0.5,
    start: float = 0,
    duration: float | None = None,
    skeleton: Path | None = None,
    skeleton_style: str = SIMPLE,
    keypoints: Path | None = None,
    tracker: Tracker = BUILTIN,
    progress: Progress | None = None,
) -> MotionTrack:
    """Writes the track to `output` (.safetensors), its skeleton as a video in the reference's size to `skeleton` and
    its POSE_KEYPOINT frames as JSON to `keypoints`. All inputs are checked before long work starts.

    Raises MotionControlError with one sentence for bad input.
    """
    output = exchange.check_target(output)
    if skeleton:
        skeleton = media.check_target(skeleton)
    if keypoints and (keypoints.suffix.lower() != ".json" or not keypoints.parent.is_dir() or keypoints.is_dir()):
        raise MediaError(f"the key points cannot go to {keypoints}; give a .json file in a folder that exists.")
    if not 0 <= smoothing <= 1:
        raise SettingError(f"smoothing is {smoothing}; choose a value from 0 to 1.")
    if skeleton_style not in SKELETON_STYLES:
        raise SettingError(f"the skeleton style is '{skeleton_style}'; choose {', '.join(SKELETON_STYLES)}.")
    clip = media.open_clip(motion, start, duration)
    track = extract_track(clip, smoothing=smoothing, tracker=tracker, progress=progress)
    exchange.save_track(track, output)
    if skeleton:
        write_skeleton(track, skeleton, skeleton_style)
    if keypoints:
        _write_json(keypoints, exchange.keypoint_frames(track))
    return track


def skeleton_pictures(track: MotionTrack, style: str, start: int, stop: int):
    """Frames [start, stop) in the reference's size, uint8 [B, H, W, 3], in one of SKELETON_STYLES."""
    if style == SIMPLE:
        return draw_skeleton(track, start, stop)
    return exchange.draw_styled(track, style, start, stop)


def write_skeleton(track: MotionTrack, path: Path, style: str = SIMPLE) -> None:
    """A video without sound; an odd last row or column of the reference's size is left out."""
    width, height = track.width // 2 * 2, track.height // 2 * 2
    with media.VideoWriter(path, width, height, track.frame_rate) as writer:
        for start in range(0, len(track), _STEP):
            writer.write(skeleton_pictures(track, style, start, start + _STEP)[:, :height, :width])


def _write_json(path: Path, value) -> None:
    part = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        part.write_text(json.dumps(value), encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
