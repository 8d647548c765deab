"""plan() checks and prepares everything, render_frames() draws batch by batch in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch

from .. import runtime
from ..errors import SettingError
from ..pipeline import spread
from ..types import Identity, MotionTrack, Progress, RenderSettings
from .camera import CameraPath, plan_camera, read_prompt
from .confidence import Confidence, is_mirrored, measure_confidence, report_confidence
from .draw import draw, make_backdrop
from .figure import Figure, build_figure
from .light import with_light
from .plate import fit_background
from .response import fit_gains
from .retarget import HeadMotion, retarget
from .strength import MAX_STRENGTH, Strength
from .views import Shares, SideView, build_side_views, view_shares, with_lent_mouth

MAX_SIDE = 4096
JOB_PIXELS = 1_000_000
"""Pixels that one drawing job on the CPU takes on."""


@dataclass(frozen=True)
class RenderPlan:
    """A checked render: sizes, motion and camera of every frame. confidence: of every frame (see `confidence`, also for
    a map of every pixel). report: facts for people."""

    width: int
    height: int
    frame_count: int
    figure: Figure
    motion: HeadMotion
    camera: CameraPath
    sides: tuple[SideView, ...] = ()
    shares: Shares | None = None
    confidence: Confidence | None = None
    report: dict = field(default_factory=dict)


def plan(track: MotionTrack, identity: Identity, settings: RenderSettings) -> RenderPlan:
    """Everything that can be known before drawing.

    Raises SettingError for a size, strength or orientation outside its range.
    """
    check_settings(settings)
    source_height, source_width = identity.view.image.shape[:2]
    width, height = output_size(source_width, source_height, settings)
    shot = read_prompt(settings.prompt)
    # the widest zoom of the camera decides the working resolution; the picture is never enlarged
    rough = _camera(shot, track, settings, identity.view.points, (source_width, source_height), (width, height))
    scale = min(1.0, float(rough.zoom.max()))
    figure = with_lent_mouth(build_figure(identity, scale), identity)
    sides = build_side_views(identity, figure, scale)
    if settings.light:
        figure = with_light(figure, settings.light)
        sides = tuple(
            replace(side, figure=with_light(side.figure, settings.light, figure.light.room)) for side in sides
        )
    camera = _camera(shot, track, settings, figure.points, figure.size, (width, height))
    gains = fit_gains(track, figure, identity) if any(Strength.of(settings)) else None
    motion = keep_hair_in_frame(retarget(track, figure.landmarks, identity, settings, gains), figure)
    shares = view_shares(sides, figure.facing, motion.rotation, float(track.frame_rate), track.cuts) if sides else None
    mirrored = tuple(is_mirrored(side, identity) for side in sides)
    confidence = measure_confidence(track, figure, motion, sides, shares, mirrored)
    report = {
        "engine": "geometric",
        "size": f"{width}x{height}",
        "frames": len(track),
        "views": _views_used(identity, sides, shares),
        "orientation": settings.orientation,
        "shot": ", ".join(shot.used) or "static",
        "prompt_not_used": shot.unused,
        "expression_gains": {} if gains is None else {name: round(g, 2) for name, g in gains._asdict().items()},
        **report_confidence(confidence, shares, mirrored),
    }
    return RenderPlan(width, height, len(track), figure, motion, camera, sides, shares, confidence, report)


def _views_used(identity: Identity, sides: tuple[SideView, ...], shares: Shares | None) -> dict[str, float]:
    """Share of the frames' heads that each view draws."""
    parts = shares.whole.mean(0).tolist() if sides else []
    used = {identity.view.name: 1 - sum(parts)}
    used.update((side.name, part) for side, part in zip(sides, parts, strict=True))
    return {name: round(part, 3) for name, part in used.items()}


def keep_hair_in_frame(motion: HeadMotion, figure: Figure) -> HeadMotion:
    """A head that is whole in the picture is not pushed out of its upper border: the shift is held back instead."""
    field = figure.field
    crown = figure.source[3][
        field.nodes[..., 1].long().clamp(0, figure.size[1] - 1), field.nodes[..., 0].long().clamp(0, figure.size[0] - 1)
    ]
    rows = ((crown > 0.5) & (field.head > 0.9)).any(1).nonzero()
    top = float(rows.min()) * field.step if len(rows) else 0.0
    if top < 2 * field.step:
        return motion  # cut off in the picture already
    moved = field.pivot[1] + motion.scale * (top - field.pivot[1]) + motion.shift[:, 1]
    room = min(top, 0.02 * figure.size[1])
    shift = motion.shift.clone()
    shift[:, 1] += (room - moved).clamp_min(0)
    return replace(motion, shift=shift)


def check_settings(settings: RenderSettings) -> None:
    """Raises SettingError with one sentence for a value outside its range."""
    if settings.orientation not in ("image", "video"):
        raise SettingError(f"orientation is '{settings.orientation}'; choose 'image' or 'video'.")
    limits = {f"{part}_strength": MAX_STRENGTH for part in ("expression", "mouth", "eyes", "brows", "head")}
    for name, most in (limits | {"light": 1}).items():
        value = getattr(settings, name)
        if not 0 <= value <= most:
            raise SettingError(f"{name} is {value}; choose a value from 0 to {most:g}.")
    for name in ("width", "height", "max_side"):
        value = getattr(settings, name)
        if value and not 16 <= value <= MAX_SIDE:
            raise SettingError(
                f"{name} is {value}; choose 16 to {MAX_SIDE}, or leave it out for the character's own size."
            )


def output_size(source_width: int, source_height: int, settings: RenderSettings) -> tuple[int, int]:
    """Even output size: given sides win, a missing side keeps the picture's proportion, max_side limits both."""
    width, height = settings.width, settings.height
    if width and not height:
        height = source_height * width / source_width
    elif height and not width:
        width = source_width * height / source_height
    elif not width:
        width, height = source_width, source_height
    limit = settings.max_side or MAX_SIDE
    shrink = min(1.0, limit / max(width, height))
    return max(16, int(width * shrink) // 2 * 2), max(16, int(height * shrink) // 2 * 2)


def _camera(shot, track, settings, points, picture, output) -> CameraPath:
    face = points[:468, :2]
    low, high = face.amin(0), face.amax(0)
    middle = ((low + high) / 2).tolist()
    box = (middle[0], middle[1], float(high[1] - low[1]))
    return plan_camera(shot, len(track), float(track.frame_rate), picture, output, box, settings.seed)


def render_frames(
    plan: RenderPlan, background: torch.Tensor | None = None, batch: int = 8, progress: Progress | None = None
) -> Iterator[torch.Tensor]:
    """Yields uint8 [B, H, W, 3] batches on the CPU, in order.

    background: a picture uint8 [H, W, 3] that replaces the character's own background.
    """
    device = runtime.device()
    figure, motion = plan.figure.to(device), plan.motion.to(device)
    sides = tuple(side.to(device) for side in plan.sides)
    shares = plan.shares.to(device) if sides else None
    camera = replace(plan.camera, zoom=plan.camera.zoom.to(device), centre=plan.camera.centre.to(device))
    picture = figure.plate if background is None else fit_background(background, *figure.size).to(device)
    backdrop = make_backdrop(picture, camera)
    if device.type == "cpu":
        # small jobs on many threads: buffers that fit the allocator's cache, no waiting between operations
        batch = max(1, min(batch, JOB_PIXELS // (plan.width * plan.height)))
    jobs = [slice(at, min(at + batch, plan.frame_count)) for at in range(0, plan.frame_count, batch)]

    def work(frames: slice) -> torch.Tensor:
        with torch.inference_mode():
            return draw(figure, motion, camera, backdrop, frames, sides, shares).cpu()

    done = 0
    for out in spread(work, jobs) if device.type == "cpu" else map(work, jobs):
        runtime.check_interrupted()
        yield out
        done += len(out)
        if progress:
            progress(done, plan.frame_count)
