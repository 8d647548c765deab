"""bind_identity: which pictures can be bound, which of them is rendered, what the report says."""

import numpy as np
import pytest
import torch
from PIL import Image

from motion_control.engine.errors import IdentityError
from motion_control.engine.geometry.pose import angles, canonical_face, head_pose
from motion_control.engine.identity import bind_identity, report_text
from motion_control.engine.media import read_image


def resized(picture, size):
    planes = picture.permute(2, 0, 1)[None].float()
    out = torch.nn.functional.interpolate(planes, size=(size, size), mode="bilinear", antialias=True)[0]
    return out.permute(1, 2, 0).round().to(torch.uint8).contiguous()


def test_one_picture(hopper, portraits, acting):
    view = hopper.view
    assert (hopper.primary, len(hopper.views), view.name) == (0, 1, "hopper")
    assert torch.equal(view.image, portraits.hopper)
    assert (view.points - acting.find_face(portraits.hopper))[:, :2].norm(dim=1).mean() < 1
    assert view.points.shape == (478, 3) and view.matte.shape == (400, 400)
    assert view.matte.min() >= 0 and view.matte.max() <= 1


def test_the_matte_is_the_person(hopper):
    matte, face = hopper.view.matte, hopper.view.points[:468, :2].int()
    assert matte[face[:, 1], face[:, 0]].quantile(0.02) > 0.95  # the face
    assert matte[390, 100:300].min() > 0.9  # the uniform
    assert matte[150:250, 370:].max() < 0.1 and matte[200:260, :40].max() < 0.1  # sky and flag


def test_the_neutral_face_is_in_head_space(hopper):
    _, rotation, translation = head_pose(hopper.neutral[None], canonical_face())
    assert angles(rotation).abs().max() < 0.1 and translation.abs().max() < 0.1
    width = (hopper.neutral[33] - hopper.neutral[263]).norm()
    assert width == pytest.approx(float((canonical_face()[33] - canonical_face()[263]).norm()), rel=0.15)


def test_the_best_of_several_is_rendered_and_the_one_without_a_face_is_named(portraits):
    blurred = resized(resized(portraits.hopper, 40), 400)
    wall = torch.full((300, 300, 3), 140, dtype=torch.uint8)
    steps = []
    bound = bind_identity(
        [blurred, wall, portraits.hopper], ["blurred.png", "wall.png", "sharp.png"], lambda *step: steps.append(step)
    )
    assert [view.name for view in bound.views] == ["blurred.png", "sharp.png"]
    assert bound.view.name == "sharp.png" and bound.report["left_out"] == ["wall.png"]
    assert steps == [(1, 3), (2, 3), (3, 3)]
    text = report_text(bound)
    assert "sharp.png (rendered)" in text and "wall.png: left out, no face was found" in text
    assert "FAIL sharpness" in text and "gives body and background" in text


def test_a_frontal_view_beats_a_turned_one(portraits, hopper, acting):
    """The turned view is drawn by the engine itself."""
    swell = acting.swell()
    turned = acting.render(acting.perform(hopper.neutral, rotation=acting.turn(35 * swell)), hopper)[acting.held]
    bound = bind_identity([turned, portraits.hopper], ["turned", "frontal"])
    assert bound.view.name == "frontal"
    yaw = {view["name"]: abs(view["angles"][0]) for view in bound.report["views"]}
    assert yaw["turned"] > 15 > yaw["frontal"]


def test_pictures_of_the_same_name_are_both_reported(portraits):
    bound = bind_identity([portraits.hopper, portraits.collins], ["face.png", "face.png"])
    lines = report_text(bound).splitlines()
    assert len([line for line in lines if "yaw" in line and "face.png" in line]) == 2
    assert len([line for line in lines if "(rendered)" in line]) == 1


def test_sentences_for_what_cannot_be_bound(portraits):
    wall = torch.full((200, 300, 3), 140, dtype=torch.uint8)
    with pytest.raises(IdentityError, match=r"^No face was found in wall\.png; .*\.$"):
        bind_identity([wall], ["wall.png"])
    with pytest.raises(IdentityError, match=r"any of the 2 images \(a\.png, b\.png\)"):
        bind_identity([wall, wall], ["a.png", "b.png"])
    with pytest.raises(IdentityError, match=r"tiny\.png is 40x40 px; .*64 px.*\.$"):
        bind_identity([resized(portraits.hopper, 40)], ["tiny.png"])
    with pytest.raises(IdentityError, match=r"^No character image was given"):
        bind_identity([])


def test_verdicts_a_person_understands(hopper, collins):
    def verdicts(identity):
        return {check.name: check for check in identity.view.checks}

    found = verdicts(hopper)
    assert found["size"].verdict == "warn" and "400x400" in found["size"].line() and "larger" in found["size"].line()
    for name in ("face size", "sharpness", "exposure", "facing", "neutral expression"):
        assert found[name].verdict == "pass", name
        assert " - " not in found[name].line()  # no advice where none is needed
    assert verdicts(collins)["neutral expression"].verdict == "warn"
    assert verdicts(collins)["face size"].verdict == "warn"


def test_a_picture_of_512_px_is_no_reason_to_warn(portraits):
    bound = bind_identity([portraits.whole], ["whole"])
    assert {check.name: check.verdict for check in bound.view.checks}["size"] == "pass"
    assert bound.view.body is not None and bound.view.body[11, 0] > bound.view.body[12, 0]


def test_a_dark_picture_is_told(portraits):
    bound = bind_identity([(portraits.hopper * 0.15).to(torch.uint8)])
    assert bound.view.name == "image 1"
    assert {check.name: check.verdict for check in bound.view.checks}["exposure"] == "warn"


@pytest.mark.parametrize("mode", ["RGBA", "L", "LA"])
def test_alpha_and_grey_pictures_are_bound_like_any_other(portraits, hopper, tmp_path, mode):
    picture = Image.fromarray(portraits.hopper.numpy())
    if "A" in mode:
        alpha = np.full((400, 400), 255, np.uint8)
        alpha[:, :60] = 0
        picture.putalpha(Image.fromarray(alpha))
    picture.convert(mode).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.shape == (400, 400, 3)
    view = bind_identity([image]).view
    assert (view.points - hopper.view.points)[:, :2].norm(dim=1).mean() < 2
    if "A" in mode:
        assert view.matte[:60, :20].max() < 0.1  # the white that transparency became is background


def test_binding_is_the_same_every_time(portraits, hopper):
    again = bind_identity([portraits.hopper], ["hopper"])
    assert torch.equal(again.view.points, hopper.view.points) and torch.equal(again.view.matte, hopper.view.matte)


def test_a_large_picture_keeps_its_resolution(portraits, hopper):
    """Faces are searched in a smaller copy; points and matte are those of the picture."""
    view = bind_identity([resized(portraits.hopper, 2200)]).view
    assert view.matte.shape == (2200, 2200)
    assert (view.points / 5.5 - hopper.view.points)[:, :2].norm(dim=1).mean() < 1.5
