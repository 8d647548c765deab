"""Identity binding: images of one character -> Identity, and identities as files."""

from .bind import bind_identity
from .card import draw_card
from .coverage import MOST_ENLARGED, nearest_wish, reaches_away
from .from_video import pictures_of_video
from .likeness import load_recogniser
from .report import report_text
from .resting import resting_controls
from .store import FOLDER, identity_file, load_identity, save_identity, saved_identities

__all__ = [
    "FOLDER",
    "MOST_ENLARGED",
    "bind_identity",
    "draw_card",
    "identity_file",
    "load_identity",
    "load_recogniser",
    "nearest_wish",
    "pictures_of_video",
    "reaches_away",
    "report_text",
    "resting_controls",
    "save_identity",
    "saved_identities",
]
