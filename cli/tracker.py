"""The options that choose whose networks read the landmarks."""

from __future__ import annotations

from pathlib import Path

from ..engine.errors import SettingError

TRACKERS = ("builtin", "mediapipe")  # engine.capture has the same; the parser must not load the engine


def add_tracker(parser) -> None:
    parser.add_argument("--tracker", choices=TRACKERS, default=TRACKERS[0], help="whose networks read the landmarks")
    parser.add_argument("--tracker-models", type=Path, metavar="FOLDER", help="mediapipe's .task files")


def open_chosen(options):
    """The engine's Tracker; use it in a `with`. Raises SettingError with one sentence."""
    from ..engine.capture import open_tracker

    folder = options.tracker_models
    if folder and options.tracker != "mediapipe":
        raise SettingError(f"tracker-models is {folder} and the tracker is builtin; add --tracker mediapipe.")
    if folder and not folder.is_dir():
        raise SettingError(f"tracker-models is {folder}, which is not a folder; name the one with the .task files.")
    if options.tracker == "mediapipe" and getattr(options, "track", None):
        raise SettingError("tracker is mediapipe and a track is played, which is not captured again; leave it out.")
    return open_tracker(options.tracker, [folder] if folder else [])
