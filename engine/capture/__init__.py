"""Motion capture: Clip -> MotionTrack."""

from .assemble import Observations, assemble_track
from .checks import check_clip, check_track
from .extract import extract_track
from .segments import best_segment, cut_track, measure_track
from .skeleton import draw_skeleton
from .subject import Subject, parse_subject
from .tracker import BUILTIN, TRACKERS, Tracker, open_tracker

__all__ = [
    "BUILTIN",
    "TRACKERS",
    "Observations",
    "Subject",
    "Tracker",
    "assemble_track",
    "best_segment",
    "check_clip",
    "check_track",
    "cut_track",
    "draw_skeleton",
    "extract_track",
    "measure_track",
    "open_tracker",
    "parse_subject",
]
