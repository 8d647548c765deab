"""The expression rig: contacts are exact, the skull keeps still, sides are the right ones."""

import pytest
import torch

from motion_control.engine.geometry import face_regions as regions
from motion_control.engine.geometry.face_rig import CONTROLS, lip_gap, rig_delta
from motion_control.engine.geometry.pose import RIGID_WEIGHTS, canonical_face

NEUTRAL = canonical_face()


def moved(**controls) -> torch.Tensor:
    """The face [478, 3] with these controls."""
    return NEUTRAL + rig_delta(NEUTRAL, {name: torch.tensor([float(v)]) for name, v in controls.items()})[0]


def lid_gaps(face: torch.Tensor) -> list[float]:
    """Widest distance between the lids of the right and the left eye, cm."""
    return [float((face[list(low)] - face[list(up)]).norm(dim=1).max()) for up, low in regions.EYES]


def test_no_control_no_motion():
    delta = rig_delta(NEUTRAL, {name: torch.zeros(3) for name in CONTROLS})
    assert delta.shape == (3, 478, 3) and delta.dtype == torch.float32
    assert float(delta.abs().max()) == 0


@pytest.mark.parametrize("also", [{}, {"mouthSmileLeft": 1, "mouthSmileRight": 1}, {"gazeY": -0.2}, {"browUp": 1}])
def test_a_blink_closes_the_lids(also):
    assert max(lid_gaps(moved(eyeBlinkRight=1, eyeBlinkLeft=1, **also))) < 0.02


def test_one_eye_winks():
    right, left = lid_gaps(moved(eyeBlinkRight=1))
    assert right < 0.02 and left == pytest.approx(lid_gaps(NEUTRAL)[1], abs=1e-4)


@pytest.mark.parametrize(
    "also",
    [
        {},
        {"jawOpen": 0.3},
        {"mouthSmileLeft": -1, "mouthSmileRight": -1},
        {"mouthPucker": 1},
        {"mouthPress": 0.5},
        {"mouthWide": 1},
    ],
)
def test_closed_lips_touch_along_the_whole_mouth(also):
    face = moved(mouthClose=1, **also)
    gaps = (face[list(regions.INNER_LIP_LOWER)] - face[list(regions.INNER_LIP_UPPER)]).norm(dim=1)
    assert float(gaps.max()) < 0.02


def test_the_jaw_opens_the_mouth_and_leaves_the_skull():
    open_jaw = moved(jawOpen=1)
    assert 2.0 < float(lip_gap(open_jaw) - lip_gap(NEUTRAL)) < 4.5
    shift = open_jaw - NEUTRAL
    skull = [point for point in RIGID_WEIGHTS if point not in (93, 323)]
    assert float(shift[skull].norm(dim=1).max()) < 0.05
    chin, corner = float(shift[regions.CHIN, 1]), float(shift[list(regions.MOUTH_CORNERS), 1].mean())
    assert chin > 1.5 and 0.35 < corner / float(shift[14, 1]) < 0.65
    assert float(shift[13].norm()) < 0.3


def test_a_smile_spreads_and_raises_its_own_corner():
    shift = moved(mouthSmileRight=1) - NEUTRAL
    right, left = regions.MOUTH_CORNERS
    assert shift[right, 0] < -0.3 and shift[right, 1] < -0.3
    assert float(shift[left].norm()) < 0.05


def test_pucker_narrows_and_protrudes():
    face = moved(mouthPucker=1)
    right, left = regions.MOUTH_CORNERS
    assert float((face[right] - face[left]).norm() / (NEUTRAL[right] - NEUTRAL[left]).norm()) < 0.75
    assert float(face[0, 2] - NEUTRAL[0, 2]) < -0.4


def test_brows_go_up_and_come_together():
    assert float((moved(browUp=1) - NEUTRAL)[[105, 334], 1].max()) < -0.5
    down = moved(browDown=1) - NEUTRAL
    assert float(down[[55, 285], 1].min()) > 0.3 and down[55, 0] > 0 > down[285, 0]


def test_gaze_moves_the_irises_in_eye_widths():
    shift = moved(gazeX=0.2, gazeY=-0.1) - NEUTRAL
    for iris, (outer, inner) in zip(regions.IRISES, regions.EYE_CORNERS, strict=True):
        width = float((NEUTRAL[outer] - NEUTRAL[inner]).norm())
        wanted = torch.tensor([0.2 * width, -0.1 * width, 0.0]).expand(5, 3)
        torch.testing.assert_close(shift[list(iris)], wanted, atol=1e-4, rtol=0)


def test_a_wrong_name_is_told():
    with pytest.raises(ValueError, match="jawopen"):
        rig_delta(NEUTRAL, {"jawopen": torch.zeros(1)})
