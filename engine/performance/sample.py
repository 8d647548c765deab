"""The files of the built-in sample: a performance with sound and two portraits, made once and then reused."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch

from .. import media
from ..errors import MediaError
from ..identity import bind_identity
from ..pipeline import prefetch
from ..render import plan, render_frames
from ..types import Progress, RenderSettings
from .portraits import eileen_collins, grace_hopper
from .script import SECONDS, authored_performance
from .sound import SAMPLE_RATE, voice

FRAME_RATE = Fraction(30)
PROMPT = "slow zoom in"
_STAMP = "sample.json"


@dataclass(frozen=True)
class Sample:
    """performance: .mp4 with sound. portrait: who plays it there. hopper: another character for it."""

    performance: Path
    portrait: Path
    hopper: Path

    @staticmethod
    def within(folder: Path) -> Sample:
        return Sample(folder / "performance.mp4", folder / "portrait.png", folder / "hopper.png")

    @property
    def files(self) -> tuple[Path, ...]:
        return self.performance, self.portrait, self.hopper


def find_sample(folder: Path, seconds: float = SECONDS) -> Sample | None:
    """The sample in a folder, when it is complete and was made by this very code."""
    sample = Sample.within(folder)
    try:
        known = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        return sample if known == _stamp(sample, seconds) else None
    except (OSError, ValueError):
        return None


def write_sample(folder: Path, seconds: float = SECONDS, progress: Progress | None = None) -> Sample:
    """Makes the sample in an existing folder. seconds: less than SECONDS for the beginning only.

    Raises MediaError when the folder cannot be written or a portrait's package is missing.
    """
    sample = Sample.within(folder)
    collins, hopper = eileen_collins(), grace_hopper()
    try:
        (folder / _STAMP).unlink(missing_ok=True)
        _write_picture(sample.portrait, collins)
        _write_picture(sample.hopper, hopper)
        _write_performance(sample.performance, collins, seconds, progress)
        (folder / _STAMP).write_text(json.dumps(_stamp(sample, seconds)), encoding="utf-8")
    except OSError as error:
        raise MediaError(f"the sample could not be written into {folder} ({error}); choose another folder.") from error
    return sample


def _write_picture(path: Path, picture: torch.Tensor) -> None:
    from PIL import Image

    Image.fromarray(picture.numpy()).save(path)


def _write_performance(path: Path, portrait: torch.Tensor, seconds: float, progress: Progress | None) -> None:
    identity = bind_identity([portrait], ["Eileen Collins"])
    height, width = portrait.shape[:2]
    track = authored_performance(identity.neutral, identity.view.points, FRAME_RATE, width, height, seconds)
    render = plan(track, identity, RenderSettings(prompt=PROMPT))
    sound = (voice(seconds), SAMPLE_RATE)
    with media.VideoWriter(path, render.width, render.height, FRAME_RATE, audio=sound) as writer:
        for batch in prefetch(render_frames(render, progress=progress)):
            writer.write(batch)


def _stamp(sample: Sample, seconds: float) -> dict:
    """Sizes of the files, and a digest of the engine: newer code makes a new sample."""
    digest = hashlib.sha256()
    for module in sorted(Path(__file__).parents[1].rglob("*.py")):
        digest.update(module.read_bytes())
    sizes = {path.name: path.stat().st_size for path in sample.files}
    return {"made_by": digest.hexdigest()[:16], "seconds": seconds, "sizes": sizes}
