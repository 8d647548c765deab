"""Motion capture: Clip -> MotionTrack."""

from .checks import check_clip, check_track
from .extract import extract_track
from .segments import best_segment, cut_track, measure_track
from .skeleton import draw_skeleton

__all__ = [
    "best_segment",
    "check_clip",
    "check_track",
    "cut_track",
    "draw_skeleton",
    "extract_track",
    "measure_track",
]
