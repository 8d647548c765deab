"""Verdicts about a motion reference that a person understands."""

from __future__ import annotations

import math

import torch

from ..types import Check, Clip, MotionTrack
from .cuts import shots
from .looks import BRIGHT, DARK, Looks

SHORT_SIDE = 340
SMALL_FACE = 64
BLACK, BLANK = 0.04, 0.97
"""Brightness of a face beyond which nothing of it can be read."""
BURNT = (0.1, 0.5)
"""Share of white skin from which the light is weak, and useless."""
FLAT = 0.04
"""Least spread of brightness over the skin."""
FEATURELESS = 0.01
SOFT, SMEARED = 0.5, 0.2
"""Sharpness (see `looks`) from which a face counts as sharp: at 0.5 it is blurred by a sigma of about 1 % of its
height; and under which lips and lids cannot be read: about 2 %, the detail of a face of 40 px."""
SHARP_SHARE = 0.8
LARGE_MOVE = 0.1
"""Camera motion that is a weakness: share of the picture, or of the size; radians for its roll."""


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


def check_looks(looks: Looks, seen: torch.Tensor) -> tuple[Check, ...]:
    """Sharpness, and light and contrast of the frames in which the face was seen (bool [T])."""
    found = [check_blur(looks.sharpness[seen] if bool(seen.any()) else looks.sharpness)]
    if bool(seen.any()):
        values = (looks.brightness, looks.white, looks.contrast)
        bright, white, contrast = (float(value[seen].median()) for value in values)
        found += [check_light(bright, white), check_contrast(contrast)]
    return tuple(found)


def check_blur(sharpness: torch.Tensor) -> Check:
    share, middle = float((sharpness >= SOFT).float().mean()), float(sharpness.median())
    verdict = "pass" if share >= SHARP_SHARE else "fail" if middle < SMEARED else "warn"
    return Check(
        "blur",
        verdict,
        f"sharp in {share:.0%} of the frames",
        f"{SHARP_SHARE:.0%} or more",
        "eyes and lips are smeared; focus on the face, use more light or a shorter shutter time",
    )


def check_light(bright: float, white: float) -> Check:
    """bright: of the face; white: burnt out share of its skin."""
    bad = bright < BLACK or bright > BLANK or white > BURNT[1]
    good = DARK <= bright <= BRIGHT and white <= BURNT[0]
    dark = bright < DARK
    burnt = f", {white:.0%} of it burnt out" if white > BURNT[0] else ""
    return Check(
        "light",
        "fail" if bad else "pass" if good else "warn",
        f"face at {bright:.0%} brightness{burnt}",
        f"{DARK:.0%} to {BRIGHT:.0%}",
        f"the face is too {'dark' if dark else 'bright'}; use {'more' if dark else 'less'} light on it",
    )


def check_contrast(contrast: float) -> Check:
    return Check(
        "contrast",
        "pass" if contrast >= FLAT else "warn" if contrast >= FEATURELESS else "fail",
        f"{contrast:.0%} across the face",
        f"{FLAT:.0%} or more",
        "flat or foggy pictures hide wrinkles and lips; use softer filters and light from one side",
    )


def check_camera(camera: torch.Tensor, known: bool, width: int, height: int, cuts: tuple[int, ...]) -> Check:
    """camera: float32 [T, 4], see MotionTrack; known: whether enough of the background was found."""
    wanted = f"still, or moving by less than {LARGE_MOVE:.0%}"
    if not known:
        return Check("camera", "pass", "not known, the background shows too little", wanted)
    zoom, roll, pan = 1.0, 0.0, 0.0
    for shot in shots(len(camera), cuts):
        low, high = camera[shot].amin(0), camera[shot].amax(0)
        zoom, roll = max(zoom, float(high[0] / low[0])), max(roll, float(high[1] - low[1]))
        pan = max(pan, float((high - low)[2:].max()) / max(width, height))
    moves = (zoom, roll, pan) != (1.0, 0.0, 0.0)
    return Check(
        "camera",
        "warn" if max(zoom - 1, roll, pan) > LARGE_MOVE else "pass",
        f"moves: zoom {zoom - 1:.0%}, pan {pan:.1%} of the picture, roll {math.degrees(roll):.1f} degrees"
        if moves
        else "still",
        wanted,
        "the camera's motion is taken for the performer's; use a tripod or a part in which it rests",
    )


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
