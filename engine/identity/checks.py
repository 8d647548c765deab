"""Verdicts about a character image that a person understands."""

from __future__ import annotations

import torch

from ..geometry.pose import angles, canonical_face, head_pose
from ..types import Check, View


def check_view(view: View) -> tuple[Check, ...]:
    """Size, face size, sharpness, exposure, angle and expression of one character image, and hands at the head."""
    height, width = view.image.shape[:2]
    side = min(width, height)
    face = view.points[:468, :2]
    face_height = float(face[:, 1].amax() - face[:, 1].amin())
    _, rotation, _ = head_pose(view.points[None], canonical_face())
    yaw, pitch, _ = angles(rotation)[0].tolist()
    light = float(_luma(_face_crop(view)).mean())
    sharp = sharpness(view)
    gap = float((view.points[14, :2] - view.points[13, :2]).norm())
    open_mouth = gap / max(float((view.points[61, :2] - view.points[291, :2]).norm()), 1.0)
    mouth = "mouth closed" if open_mouth <= 0.05 else f"mouth open by {open_mouth:.0%} of its width"
    checks = (
        _check(
            "size", side >= 512, f"{width}x{height}", "short side from 512 px",
            "a larger picture gives a sharper result",
        ),
        _check(
            "face size", face_height >= 160, f"{face_height:.0f} px", "160 px or more",
            "the face will be soft in close-ups", fails=face_height < 60,
        ),
        _check(
            "sharpness", sharp >= 0.006, f"{sharp:.3f}", "0.006 or more",
            "the picture is blurred; the result will be too", fails=sharp < 0.003,
        ),
        _check(
            "exposure", 0.15 <= light <= 0.9, f"{light:.2f}", "0.15 to 0.90",
            "use a picture with an evenly lit face", fails=not 0.05 <= light <= 0.97,
        ),
        _check(
            "facing", abs(yaw) <= 30 and abs(pitch) <= 25, f"yaw {yaw:+.0f}, pitch {pitch:+.0f} degrees",
            "within 30 and 25 degrees", "turns away from this view are limited; a frontal picture carries more",
            fails=abs(yaw) > 60 or abs(pitch) > 50,
        ),
        _check(
            "neutral expression", open_mouth <= 0.15, mouth, "mouth closed",
            "closing an open mouth stretches the lips",
        ),
    )  # fmt: skip
    if view.covered:
        checks += (_check("head free", False, "a hand at the head", "a free head", "the hand moves with it"),)
    return checks


def _check(name, good, measured, wanted, advice, fails=False) -> Check:
    """fails: so far off that the picture is hardly of use."""
    return Check(name, "pass" if good else "fail" if fails else "warn", measured, wanted, advice)


def _face_crop(view: View) -> torch.Tensor:
    face = view.points[:468, :2]
    (x0, y0), (x1, y1) = face.amin(0).clamp_min(0).int().tolist(), face.amax(0).int().tolist()
    crop = view.image[y0 : max(y1, y0 + 2), x0 : max(x1, x0 + 2)]
    return crop if crop.numel() else view.image


def _luma(picture: torch.Tensor) -> torch.Tensor:
    return picture.float() @ torch.tensor([0.2126, 0.7152, 0.0722]) / 255


def sharpness(view: View) -> float:
    """Mean absolute Laplacian of the face at 256 px height, in grey levels 0..1."""
    import torch.nn.functional as F

    luma = _luma(_face_crop(view))[None, None]
    scale = 256 / max(luma.shape[-2], 1)
    luma = F.interpolate(luma, scale_factor=scale, mode="bilinear", antialias=scale < 1)
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return float(F.conv2d(luma, kernel).abs().mean())
