"""Motion capture: Clip -> MotionTrack."""

from .assemble import Observations, assemble_track
from .checks import check_clip, check_track
from .extract import extract_track
from .skeleton import draw_skeleton
from .subject import Subject, parse_subject

__all__ = [
    "Observations",
    "Subject",
    "assemble_track",
    "check_clip",
    "check_track",
    "draw_skeleton",
    "extract_track",
    "parse_subject",
]
