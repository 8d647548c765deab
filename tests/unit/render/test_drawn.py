"""What drawings have and photographs have not: small mouths, lips of a line, thick outlines along the lids."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.face_rig import CREASE
from motion_control.engine.geometry.pose import canonical_face
from motion_control.engine.render.contacts import close_lips
from motion_control.engine.render.eyes import build_eyeballs
from motion_control.engine.render.mouth import Mouth, build_mouth

SKIN = (0.9, 0.75, 0.6)


def mouth(drawn: float) -> Mouth:
    plain = torch.ones(3)
    return Mouth(torch.zeros(2), torch.tensor([1.0, 0.0]), 50.0, 0.9 * plain, 0.1 * plain, 0.2 * plain, drawn, None)


def bright(drawn: float, gap: float) -> float:
    """Share of teeth in the middle of a mouth that is open by `gap` half mouths."""
    v = torch.linspace(0.02, 0.98, 40) * gap - 0.05
    place = torch.stack([torch.full((40,), 3.0), v * 50], 1)
    colour = mouth(drawn).colour(place, torch.full((40,), 50 * gap / 2), v + 0.05, gap - (v + 0.05))
    return float((colour.mean(0) > 0.4).float().mean())


def test_a_drawn_mouth_leaves_speech_dark_and_bares_its_teeth_wide_open():
    assert bright(0.0, 0.25) > 0.3 and bright(1.0, 0.25) == 0
    assert bright(1.0, 0.9) > 0.1


def test_drawn_teeth_are_one_band():
    """Along the row the photograph's teeth have lines between them, the drawing's have none."""
    u = torch.linspace(-0.5, 0.5, 200)
    place = torch.stack([50 * u, torch.full((200,), 1.0)], 1)
    rows = [
        mouth(drawn).colour(place, torch.full((200,), 40.0), torch.full((200,), 0.3), torch.full((200,), 0.6)).mean(0)
        for drawn in (0.0, 1.0)
    ]
    dips = [int(((row[1:-1] < row[:-2] - 1e-4) & (row[1:-1] < row[2:] - 1e-4)).sum()) for row in rows]
    assert dips[0] >= 2 and dips[1] == 0


def test_only_a_mouth_smaller_than_people_have_is_a_drawn_one(hopper, collins):
    for identity in (hopper, collins):
        image, points = identity.view.image.permute(2, 0, 1).float() / 255, identity.view.points.clone()
        assert build_mouth(image, points, ()).drawn == 0
        lips = sorted({*regions.OUTER_LIP_UPPER, *regions.OUTER_LIP_LOWER})
        middle = points[[61, 291]].mean(0)
        points[lips] = middle + 0.5 * (points[lips] - middle)
        assert build_mouth(image, points, ()).drawn > 0.9


def test_a_small_mouth_that_opens_wide_keeps_its_lips(acting):
    """The lower lip of a mouth half as wide as the driver's."""
    driver = acting.lips_shut(canonical_face())
    character = driver.clone()
    rows = (regions.OUTER_LIP_UPPER, regions.OUTER_LIP_LOWER, regions.INNER_LIP_UPPER, regions.INNER_LIP_LOWER)
    lips = sorted({point for row in (*rows, *regions.LIP_UPPER_ROWS, *regions.LIP_LOWER_ROWS) for point in row})
    middle = driver[[61, 291]].mean(0)
    character[lips] = middle + 0.5 * (driver[lips] - middle)
    played = acting.jaw_open(driver, torch.tensor([0.0, 2.5]))
    delta = 0.2 * played
    close_lips(delta, driver + played, driver, character, 1.0)
    shape = character + delta
    assert shape[1, 14, 1] - shape[1, 13, 1] > 0.5
    for outer, inner in ((17, 14), (0, 13)):
        rest = (character[outer, 1] - character[inner, 1]).abs()
        assert (shape[1, outer, 1] - shape[1, inner, 1]).abs() > 0.74 * rest
        assert (shape[0, outer, 1] - shape[0, inner, 1]).abs() == pytest.approx(float(rest), abs=0.02)


def face_with_line(thickness: float) -> tuple[torch.Tensor, torch.Tensor]:
    """A plain face of 600 px with a black line along both upper lids, `thickness` eye widths thick; its points."""
    from motion_control.engine.render.eyes import polygon_mask

    points = canonical_face() * 30 + torch.tensor([300.0, 300.0, 0.0])
    image = torch.tensor(SKIN)[:, None, None].expand(3, 600, 600).clone()
    for upper, lower in regions.EYES:
        lid, below = points[list(upper), :2], points[list(lower[-2:0:-1]), :2]
        width = (lid[0] - lid[-1]).norm()
        raised = lid.clone()
        raised[1:-1, 1] -= thickness * width
        for ring, colour in ((torch.cat([raised, lid.flip(0)]), 0.05), (torch.cat([lid, below]), 0.95)):
            mask = polygon_mask(ring, 600, 600)
            image = image + (colour - image) * mask
    return image, points


def test_a_closing_lid_is_taken_from_beyond_a_thick_outline():
    image, points = face_with_line(0.25)
    for eye, (upper, _), crease in zip(build_eyeballs(image, points), regions.EYES, CREASE, strict=True):
        assert eye.outline == pytest.approx(0.25, abs=0.06)
        middle = list(upper[1:-1])[3]
        lid = points[middle, :2] + eye.margins[0, 3]
        fold = points[crease[3], :2] + eye.margins[2, 3]
        assert (image[:, int(lid[1]), int(lid[0])] - torch.tensor(SKIN)).abs().max() < 0.05
        assert fold[1] < lid[1]  # above it, in the picture as on the face


def test_a_thin_line_is_no_outline():
    image, points = face_with_line(0.05)
    for eye in build_eyeballs(image, points):
        assert eye.outline == 0 and bool((eye.margins[2] == 0).all())
        assert eye.margins[0].norm(dim=1).max() < 0.13 * eye.width
