"""The inside of the mouth: a layer of its own behind the lips.

The upper teeth are fixed to the skull, the lower teeth and the tongue to the jaw. Colours come from the character's
own picture: the teeth from the white of its eyes, gums and cavity from its lips, so that a painting keeps its light.
Where this or another picture of the character shows the inside of its mouth, that is used instead.

Mouth coordinates: u along the line between the corners (-1..1), v downwards in the same unit (half the mouth's width).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..geometry import face_regions as regions
from ..geometry.sampling import sample
from .eyes import Eyeball
from .shown_mouth import ShownMouth, shown_mouth

# An adult's half mouth is about 25 mm wide; widths of the upper teeth from the middle outwards, mm
# (means of common dental anatomy tables: 8.5, 6.5, 7.5, 7, 7).
TOOTH_WIDTHS = (8.5, 6.5, 7.5, 7.0, 7.0)
LOWER_TOOTH_WIDTHS = (5.3, 5.8, 6.8, 7.0, 7.0)
HALF_MOUTH = 25.0
SMALL_MOUTH = (0.46, 0.40)
"""Width of the mouth in outer eye distances from which it is a drawn one, and at which it is so fully. Nine resting
photographs had 0.54 with a deviation of 0.03; an anime girl, a 3D boy and a comic heroine 0.39 to 0.40."""
DRAWN_TEETH = (0.30, 0.65)
"""Gap of the lips of a drawn mouth in half mouths, from which its teeth begin to show and are shown fully: a drawing
leaves speech dark, and has one band of teeth without lines."""
TEETH_PALE, TEETH_WARM = 0.10, 0.35
"""Most saturation that teeth take over from the white of an eye, which may lie in a coloured shadow; and where that
white is warm, because the light of the picture is: grey teeth in it look blue."""


@dataclass(frozen=True)
class Mouth:
    """Everything about the inside of one character's mouth. Positions and sizes in px of its picture.

    centre: float32 [2]. across: float32 [2], unit vector from corner 61 to corner 291. half: half width, px.
    teeth, cavity, flesh: float32 [3] colours. drawn: 0..1, how much the mouth is a drawing's (see SMALL_MOUTH).
    shown: the inside of the mouth in this or another picture of
    the character, in this picture's light.
    """

    centre: torch.Tensor
    across: torch.Tensor
    half: float
    teeth: torch.Tensor
    cavity: torch.Tensor
    flesh: torch.Tensor
    drawn: float
    shown: ShownMouth | None

    def coordinates(self, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mouth coordinates u, v [n] of positions [n, 2] px."""
        offset = (positions - self.centre) / self.half
        down = torch.stack([-self.across[1], self.across[0]])
        return offset @ self.across, offset @ down

    def colour(self, positions, jaw, under_lip, over_lip) -> torch.Tensor:
        """Colours [3, n].

        positions: float32 [n, 2] px of the unmoved skull. jaw: float32 [n], how far the jaw is down, px.
        under_lip, over_lip: float32 [n], distance to the upper and to the lower lip in half mouths.
        """
        u, v = self.coordinates(positions)
        drop = jaw / self.half
        low_v = v - drop
        colour = self.cavity[:, None] * (0.5 + 0.5 * torch.exp(-((v / 0.5).square())))[None]
        tongue, light = _tongue(u, low_v, drop)
        colour = _over(colour, self.flesh[:, None] * light[None] * colour.new_tensor([[1.0], [0.82], [0.85]]), tongue)
        gum = self.flesh * self.flesh.new_tensor([0.80, 0.62, 0.62])
        colour = _over(colour, gum[:, None] * 0.5, ((low_v - 0.16) / 0.06).clamp(0, 1))
        colour = _over(colour, gum[:, None] * 0.8, ((-0.16 - v) / 0.06).clamp(0, 1))
        gap = under_lip.clamp_min(0) + over_lip.clamp_min(0)
        begins, full = DRAWN_TEETH
        bared = 1 - self.drawn * (1 - ((gap - begins) / (full - begins)).clamp(0, 1))
        lower, lower_line = _teeth(u, low_v, LOWER_TOOTH_WIDTHS, -0.09, 0.30, False, 1 - self.drawn)
        colour = _over(colour, self.teeth[:, None] * (0.85 * lower_line)[None], lower * (1 - self.drawn))
        upper, upper_line = _teeth(u, v, TOOTH_WIDTHS, 0.10, 0.42, True, 1 - self.drawn)
        colour = _over(colour, self.teeth[:, None] * upper_line[None], upper * bared)
        # the lips shade what lies behind them, the corners most
        shade = 0.72 + 0.28 * (1 - torch.exp(-under_lip.clamp_min(0) / 0.10))
        shade = shade * (0.7 + 0.3 * (1 - torch.exp(-over_lip.clamp_min(0) / 0.08)))
        shade = shade * (1 - 0.75 * (u.abs() / 1.0).clamp(0, 1) ** 3)
        colour = colour * shade[None]
        if self.shown is not None:
            colour = self.shown.over(colour, u, v, drop)
        return colour.clamp(0, 1)


def _over(under, colour, alpha):
    return under + (colour - under) * alpha[None]


def _teeth(u, v, widths, edge, height, upper, apart):
    """Coverage [n] and brightness [n] of one row of teeth. edge: v of the biting edge at the middle. apart: 1 = single
    teeth, 0 = one band."""
    bounds = torch.tensor([0.0, *widths], device=u.device).cumsum(0) / HALF_MOUTH
    # the row bends backwards: seen from the front the outer teeth are narrower
    arc = torch.asin((u.abs() / 1.12).clamp(0, 0.999)) * 1.12
    tooth = torch.bucketize(arc, bounds[1:-1])
    left, right = bounds[tooth], bounds[tooth + 1]
    across = ((arc - left) / (right - left)).clamp(0, 1)
    rounding = apart * (0.025 * (2 * across - 1).abs() ** 4 + 0.03 * (tooth == 1)) + 0.10 * arc.square() * 0.5
    biting = edge - rounding if upper else -edge + rounding
    inside = (biting - v) if upper else (v - biting)
    soft = 0.02
    covered = (inside / soft).clamp(0, 1) * ((height - inside) / (3 * soft)).clamp(0, 1)
    covered = covered * ((1.0 - u.abs()) / 0.12).clamp(0, 1)
    seam = torch.exp(-((across.clamp(max=0.5) - 0).square() / 0.004)) + torch.exp(-((1 - across).square() / 0.004))
    bright = (1 - 0.22 * apart * seam.clamp(max=1)) * (1 - 0.10 * apart * tooth.float())
    bright = bright * (0.88 + 0.12 * (inside / 0.3).clamp(0, 1))
    return covered, bright


def _tongue(u, v, drop):
    """Coverage and brightness [n] of the tongue: a mound that rests behind the lower teeth and fills most
    of a wide opening, darker towards the throat."""
    top = -0.05 - 0.72 * drop  # v of its highest visible part, in the jaw's coordinates
    across = 1 - (u / 0.80).square()
    height = (v - top) - 0.25 * (1 - across.clamp_min(0))
    covered = (height / 0.22).clamp(0, 1) * (across / 0.25).clamp(0, 1) * (drop / 0.15).clamp(0, 1)
    groove = 1 - 0.04 * torch.exp(-(u / 0.07).square())
    light = (0.38 + 0.40 * (height / 0.6).clamp(0, 1)) * groove
    return covered, light


def build_mouth(
    image: torch.Tensor, points: torch.Tensor, eyeballs: tuple[Eyeball, ...], lent: ShownMouth | None = None
) -> Mouth:
    """image: float32 [3, H, W]; points: float32 [478, 3] px of the same picture. lent: the inside of the mouth from
    another picture of the character, for one that does not show it."""
    right, left = points[list(regions.MOUTH_CORNERS), :2]
    width = max(float((left - right).norm()), 2.0)
    lips = sample(image, points[[0, 17, 37, 267, 84, 314, 12, 15], :2])
    flesh = lips.median(1).values
    white = _eye_white(image, points)
    skin = sample(image, points[[50, 280, 151], :2]).median(1).values
    # teeth are a little warmer than the white of the eye and a little brighter than the skin around them
    most = TEETH_WARM if bool(white[0] >= white[1] >= white[2]) else TEETH_PALE
    saturation = (white.max() - white.min()) / white.max().clamp_min(1e-3)
    teeth = white.max() + (white - white.max()) * most / saturation.clamp_min(most)
    teeth = teeth * torch.tensor([1.0, 0.965, 0.90])
    luma = torch.tensor([0.2126, 0.7152, 0.0722])
    wanted = (1.2 * (skin @ luma)).clamp(0.12, 0.88)
    teeth = teeth * (wanted / (teeth @ luma).clamp_min(1e-3)).clamp(0.6, 1.7)
    cavity = flesh * torch.tensor([0.42, 0.30, 0.30])
    shown = shown_mouth(image, points) or lent
    eyes_apart = float((points[33, :2] - points[263, :2]).norm())
    begins, full = SMALL_MOUTH
    drawn = min(max((begins - width / max(eyes_apart, 1.0)) / (begins - full), 0.0), 1.0)
    return Mouth((right + left) / 2, (left - right) / width, width / 2, teeth, cavity, flesh, drawn, shown)


def _eye_white(image, points) -> torch.Tensor:
    """The brightest third of the pixels along both eyes' middle lines, beside the irises: float32 [3]."""
    colours = []
    for (outer, inner), ring in zip(regions.EYE_CORNERS, regions.IRISES, strict=True):
        a, b, centre = points[outer, :2], points[inner, :2], points[ring[0], :2]
        radius = (points[list(ring[1:]), :2] - centre).norm(dim=1).mean()
        line = a + (b - a) * torch.linspace(0.12, 0.88, 24)[:, None]
        line = line[(line - centre).norm(dim=1) > 1.15 * radius]
        if len(line):
            colours.append(sample(image, line))
    if not colours:
        return torch.tensor([0.8, 0.78, 0.75])
    colours = torch.cat(colours, 1)
    luma = torch.tensor([0.2126, 0.7152, 0.0722]) @ colours
    return colours[:, luma.argsort()[-max(1, len(luma) // 3) :]].mean(1)
