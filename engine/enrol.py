"""Binding outside ComfyUI: images and a video of a character in, its identity as a file and its card as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import media
from .errors import IdentityError
from .identity import bind_identity, draw_card, load_recogniser, pictures_of_video, save_identity
from .tensor_file import check_target
from .types import Identity

StageProgress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total); stages: 'video', 'character'."""


def enrol(
    characters: list[Path],
    output: Path,
    *,
    video: Path | None = None,
    card: Path | None = None,
    recognition: Path | None = None,
    face_points: str = "",
    progress: StageProgress | None = None,
) -> Identity:
    """Binds the character, writes it to `output` (.safetensors) and its card to `card` (.png, .jpg or .webp).

    recognition: a face recognition network that compares the images. face_points: where the face is in the first
    image, see `identity.face_points`.

    All inputs are checked before long work starts. Raises MotionControlError with one sentence for bad input.
    """
    output = check_target(output)
    if card:
        media.check_picture_target(card)
    if not characters and not video:
        raise IdentityError("neither an image nor a video of the character is given; give one.")
    if face_points and not characters:
        raise IdentityError("face_points belong to an image of the character and none is given; give one.")
    recogniser = load_recogniser(recognition) if recognition else None
    images, names = [media.read_image(path) for path in characters], [path.name for path in characters]
    if video:
        clip = media.open_clip(video)
        more = pictures_of_video(clip, progress=_stage(progress, "video"))
        images, names = images + more[0], names + more[1]
    identity = bind_identity(images, names, _stage(progress, "character"), recogniser, face_points)
    save_identity(identity, output)
    if card:
        media.write_image(card, draw_card(identity))
    return identity


def _stage(progress: StageProgress | None, name: str):
    return (lambda done, total: progress(name, done, total)) if progress else None
