"""Verdicts about a motion reference that a person understands."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..types import Check, Clip, MotionTrack

SHORT_SIDE = 340
SMALL_FACE = 64
DARK, BRIGHT = 0.2, 0.85
"""Mean brightness of a face's skin: dark skin in good light is at about 0.25, light skin at 0.7."""
FLAT = 0.04
"""Least spread of brightness over the skin."""


def check_clip(clip: Clip) -> tuple[Check, ...]:
    """What can be said without decoding."""
    seconds = float(clip.duration)
    rate, side = float(clip.frame_rate), min(clip.width, clip.height)
    return (
        Check(
            "length",
            "pass" if 1 <= seconds <= 60 else "warn",
            f"{seconds:.1f} s",
            "1 to 60 s",
            "longer references are processed whole; set start_time and duration to use a part",
        ),
        Check(
            "size",
            "pass" if side >= SHORT_SIDE else "warn",
            f"{clip.width}x{clip.height}",
            f"short side from {SHORT_SIDE} px",
            "use the original file instead of a thumbnail",
        ),
        Check(
            "frame rate",
            "pass" if rate >= 12 else "warn",
            f"{rate:.2f} fps",
            "12 fps or more",
            "fast expressions fall between the frames",
        ),
        Check("sound", "pass", "yes" if clip.audio else "none", "any"),
    )


@dataclass(frozen=True)
class Looks:
    """What was measured in the pictures, each float32 [T]: brightness and contrast (mean and spread of the face's
    colours, 0..1)."""

    brightness: torch.Tensor
    contrast: torch.Tensor

    @staticmethod
    def of_skin(colours: torch.Tensor) -> Looks:
        """From uint8 [T, K, 3] of `occlusion.skin_colours`."""
        grey = colours.float().mean(2) / 255
        return Looks(grey.mean(1), grey.std(1))


def exposure(looks: Looks) -> torch.Tensor:
    """How well a face is lit, float32 [T] 0..1: 1 between DARK and BRIGHT, falling to 0 at black and white."""
    low, high = looks.brightness / DARK, (1 - looks.brightness) / (1 - BRIGHT)
    return torch.minimum(low, high).clamp(0, 1)


def check_looks(looks: Looks, seen: torch.Tensor) -> tuple[Check, ...]:
    """Light and contrast of the frames in which the face was seen (bool [T])."""
    if not bool(seen.any()):
        return ()
    bright, contrast = float(looks.brightness[seen].median()), float(looks.contrast[seen].median())
    dark = bright < DARK
    checks = [
        Check(
            "light",
            "pass" if DARK <= bright <= BRIGHT else "warn",
            f"face at {bright:.0%} brightness",
            f"{DARK:.0%} to {BRIGHT:.0%}",
            f"the face is too {'dark' if dark else 'bright'}; use {'more' if dark else 'less'} light on it",
        ),
        Check(
            "contrast",
            "pass" if contrast >= FLAT else "warn",
            f"{contrast:.0%} across the face",
            f"{FLAT:.0%} or more",
            "flat or foggy pictures hide wrinkles and lips; use softer filters and light from one side",
        ),
    ]
    return tuple(checks)


def check_cuts(track: MotionTrack) -> Check:
    return Check(
        "cuts",
        "pass" if not track.cuts else "warn",
        f"{len(track.cuts)}",
        "none",
        "the performance jumps at a cut; use a part inside one shot (segment auto does)",
    )


def check_company(others: list[dict]) -> Check:
    """others: everybody but the subject, see `performer.Performer.others`."""
    return Check(
        "single subject",
        "pass" if not others else "warn",
        "nobody else" if not others else f"{len(others)} other people",
        "nobody else",
        "the subject is followed among them; choose it with subject, or crop the others away",
    )


def check_track(track: MotionTrack, clip: Clip) -> tuple[Check, ...]:
    """The checks of the clip and of what was seen in it."""
    seen = track.face_confidence > 0.5
    share = float(seen.float().mean())
    checks = list(check_clip(clip))
    checks.append(
        Check(
            "face visible",
            "pass" if share >= 0.9 else "warn",
            f"{share:.0%} of the frames",
            "90 % or more",
            "frames without a face hold the last expression",
        )
    )
    if share:
        mesh = track.face_points[seen][:, :468, 1]
        height = float((mesh.amax(1) - mesh.amin(1)).median())
        checks.append(
            Check(
                "face size",
                "pass" if height >= SMALL_FACE else "warn",
                f"{height:.0f} px",
                f"{SMALL_FACE} px or more",
                "small faces give less exact expressions; move the camera closer",
            )
        )
        from ..geometry.pose import angles

        yaw = float(torch.quantile(angles(track.rotation[seen])[:, 0].abs()[:4000], 0.95))
        checks.append(
            Check(
                "head turns",
                "pass" if yaw <= 40 else "warn",
                f"up to {yaw:.0f} degrees",
                "40 degrees or less",
                "one photograph carries about 25 degrees; bind a three-quarter view for more",
            )
        )
    checks.append(check_cuts(track))
    return tuple(checks)
