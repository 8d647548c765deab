"""Tracks in and out: files, keypoints, skeleton pictures, face crops and masks for other nodes and programs."""

from ..tensor_file import SUFFIX, check_target
from .boxes import bounding_boxes, face_boxes, subject_boxes
from .face68 import FACE68, FACE70, face_points_70
from .face_crops import SIDE, face_crops
from .import_track import import_for_clip, import_track
from .openpose import KeyPoints, key_points, keypoint_frames
from .skeletons import STYLES, draw_styled
from .store import load_track, save_track
from .subject_mask import subject_masks

__all__ = [
    "FACE68",
    "FACE70",
    "SIDE",
    "STYLES",
    "SUFFIX",
    "KeyPoints",
    "bounding_boxes",
    "check_target",
    "draw_styled",
    "face_boxes",
    "face_crops",
    "face_points_70",
    "import_for_clip",
    "import_track",
    "key_points",
    "keypoint_frames",
    "load_track",
    "save_track",
    "subject_boxes",
    "subject_masks",
]
