"""Tracks in and out: files, keypoints, skeleton pictures, face crops and masks for other nodes and programs."""

from .store import SUFFIX, check_track_target, load_track, save_track

__all__ = ["SUFFIX", "check_track_target", "load_track", "save_track"]
