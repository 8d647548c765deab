"""A clip's frames beside the track that was captured from it."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import SettingError
from ..media import iterate
from ..pipeline import prefetch
from ..types import Clip, FrameBatch, MotionTrack

BATCH = 8


def check_pair(clip: Clip, track: MotionTrack) -> None:
    """Raises SettingError unless the track has the clip's frames and size."""
    if clip.frame_count != len(track):
        raise SettingError(
            f"the clip has {clip.frame_count} frames and the track {len(track)}; connect the clip that the track was "
            "captured from, with the same start_time, duration and force_rate."
        )
    if (clip.width, clip.height) != (track.width, track.height):
        raise SettingError(
            f"the clip is {clip.width}x{clip.height} px and the track's {track.width}x{track.height} px; connect the "
            "clip that the track was captured from."
        )


def paired(clip: Clip, track: MotionTrack) -> Iterator[FrameBatch]:
    """Batches of full-size frames, BATCH at most; the pair is checked before the first is decoded."""
    check_pair(clip, track)
    return prefetch(iterate(clip, batch=BATCH))
