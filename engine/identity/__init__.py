"""Identity binding: images of one character -> Identity, and identities as files."""

from .bind import bind_identity, report_text
from .store import FOLDER, identity_file, load_identity, save_identity, saved_identities

__all__ = [
    "FOLDER",
    "bind_identity",
    "identity_file",
    "load_identity",
    "report_text",
    "save_identity",
    "saved_identities",
]
