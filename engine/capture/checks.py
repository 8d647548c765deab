"""Verdicts about a motion reference that a person understands."""

from __future__ import annotations

import torch

from ..types import Check, Clip, MotionTrack

SHORT_SIDE = 340
SMALL_FACE = 64


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
    return tuple(checks)
