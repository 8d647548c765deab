"""What the nodes share: socket types, schema helpers, progress, reports and the IMAGE border."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..engine.errors import SettingError

if TYPE_CHECKING:
    import torch

CATEGORY = "Motion Control"
BATCH = 8  # frames converted at a time
PREVIEW_SECONDS = 0.5

MotionClip = io.Custom("MOTION_CLIP")
MotionTrack = io.Custom("MOTION_TRACK")
CharacterIdentity = io.Custom("CHARACTER_IDENTITY")
# Of other nodes.
PoseKeypoint = io.Custom("POSE_KEYPOINT")
FaceLandmarks = io.Custom("FACE_LANDMARKS")
BoundingBox = io.Custom("BOUNDING_BOX")


def supported(target, **fields) -> dict:
    """Those of `fields` that this ComfyUI's class or function takes: newer cores have more of them.

    Example: `io.Schema(node_id=..., **supported(io.Schema, search_aliases=["pose"]))`.
    """
    known = inspect.signature(target).parameters
    return {name: value for name, value in fields.items() if name in known}


def fixed_seed():
    """`control_after_generate` for a seed that stays until the user changes it; older cores only know on and off."""
    choices = getattr(io, "ControlAfterGenerate", None)
    return choices.fixed if choices is not None else True


class NodeProgress:
    """The node's progress bar as the engine's `progress(done, total)`; raises when the user pressed cancel."""

    def __init__(self):
        self._bar = None
        self._picture = None
        self._shown_at = 0.0

    def __call__(self, done: int, total: int) -> None:
        import comfy.utils

        from ..engine import runtime

        runtime.check_interrupted()
        if self._bar is None:
            self._bar = comfy.utils.ProgressBar(total)
        self._bar.update_absolute(done, total, self._preview())

    def show(self, frame: torch.Tensor) -> None:
        """Offers a uint8 [H, W, 3] picture as the preview of the next step."""
        self._picture = frame

    def _preview(self):
        now = time.monotonic()
        if self._picture is None or now - self._shown_at < PREVIEW_SECONDS:
            return None
        from PIL import Image

        picture, self._picture, self._shown_at = Image.fromarray(self._picture.cpu().numpy()), None, now
        return "JPEG", picture, 512


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """IMAGE, float [..., C >= 3] 0..1 of any precision -> uint8 [..., 3] on the CPU, rounded."""
    import torch

    # nan is what a broken node upstream leaves; black is better than an undefined cast.
    values = images[..., :3].float().nan_to_num(0.0)
    return values.mul(255).round_().clamp_(0, 255).to(torch.uint8).cpu()


def batches(images: torch.Tensor) -> Iterator[torch.Tensor]:
    """IMAGE [T, H, W, C] -> uint8 batches [B, H, W, 3], so that only a few frames exist twice."""
    for start in range(0, len(images), BATCH):
        yield to_uint8(images[start : start + BATCH])


def check_images(images: torch.Tensor, name: str) -> None:
    if images.ndim != 4 or images.shape[-1] < 3:
        raise SettingError(
            f"{name} has the shape {list(images.shape)} where pictures [count, height, width, 3] are expected: "
            "connect an IMAGE output."
        )
    if images.numel() == 0:
        raise SettingError(f"{name} holds no picture: check the node it comes from.")


def allocate(count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    """An IMAGE float32 [count, height, width, channels] to be filled."""
    import torch

    try:
        return torch.empty(count, height, width, channels, dtype=torch.float32)
    except (RuntimeError, MemoryError):
        need = count * height * width * channels * 4 / 2**30
        raise SettingError(
            f"{count} frames of {width}x{height} px need {need:.1f} GB as an IMAGE and do not fit into memory: "
            "set a shorter duration in LoadMotionRef or a smaller width and height."
        ) from None


def to_image(frames: Iterable[torch.Tensor], count: int, height: int, width: int) -> torch.Tensor:
    """uint8 batches [B, H, W, 3] -> one IMAGE float32 [count, H, W, 3], filled batch by batch."""
    import torch

    images = allocate(count, height, width)
    done = 0
    for batch in frames:
        torch.div(batch.cpu(), 255, out=images[done : done + len(batch)])
        done += len(batch)
    if done != count:
        raise RuntimeError(f"{done} frames came where {count} were announced")
    return images


def one_image(picture: torch.Tensor) -> torch.Tensor:
    """A uint8 [H, W, 3] picture as an IMAGE of one."""
    return picture[None].float() / 255


def report_lines(report: dict) -> str:
    """The report of a track or a plan as text: a line for each fact and each verdict."""
    lines = []
    for name, value in report.items():
        if name == "checks":
            lines += [check.line() if hasattr(check, "line") else check for check in value]
        elif isinstance(value, (list, tuple)):
            lines += [f"{name.replace('_', ' ')}: {', '.join(map(str, value))}"] if value else []
        else:
            lines.append(f"{name.replace('_', ' ')}: {value}")
    return "\n".join(lines)
