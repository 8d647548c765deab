"""Video, sound and pictures: everything that reads or writes a media file.

open_clip describes a video, iterate decodes it in batches, read_audio its sound; VideoWriter writes one.
"""

from .audio import read_audio
from .clip import open_clip
from .decode import iterate, scaled_size
from .images import read_image
from .sheet import moments, write_contact_sheet
from .still import check_picture_target, write_image
from .writer import CONTAINERS, VideoWriter, check_target

__all__ = [
    "CONTAINERS",
    "VideoWriter",
    "check_picture_target",
    "check_target",
    "iterate",
    "moments",
    "open_clip",
    "read_audio",
    "read_image",
    "scaled_size",
    "write_contact_sheet",
    "write_image",
]
