"""Verdicts about light, blur, company, cuts and camera."""

from dataclasses import replace

import torch

from motion_control.engine.capture.checks import Looks, check_editing, check_looks, exposure
from motion_control.engine.capture.occlusion import skin_colours
from motion_control.engine.geometry.pose import canonical_face


def verdicts(checks):
    return {check.name: check.verdict for check in checks}


def test_a_face_in_the_dark_in_fog_and_in_good_light(portraits, acting):
    points = acting.find_face(portraits.hopper)[None]

    def looks(picture):
        return Looks.of_skin(skin_colours(picture.round().to(torch.uint8)[None], points))

    picture, seen = portraits.hopper.float(), torch.ones(1, dtype=torch.bool)
    good = looks(picture)
    assert verdicts(check_looks(good, seen)) == {"light": "pass", "contrast": "pass"}
    assert exposure(good)[0] == 1
    dark = looks(picture * 0.2)
    assert verdicts(check_looks(dark, seen))["light"] == "warn" and exposure(dark)[0] < 0.8
    assert "too dark" in check_looks(dark, seen)[0].line()
    assert "too bright" in check_looks(looks(picture * 0.1 + 228), seen)[0].line()
    assert verdicts(check_looks(looks(picture * 0.1 + 110), seen))["contrast"] == "warn"


def test_blur_and_company():
    level, seen = torch.full((10,), 0.5), torch.ones(10, dtype=torch.bool)
    sharp, alone = torch.ones(10), torch.ones(10)
    assert set(verdicts(check_looks(Looks(level, level, sharp, alone), seen)).values()) == {"pass"}
    found = verdicts(check_looks(Looks(level, level, 0 * sharp, 1 + alone), seen))
    assert found["blur"] == found["single subject"] == "warn"
    assert check_looks(Looks(level, level), ~seen) == ()


def test_cuts_and_camera(acting):
    track = acting.perform(canonical_face())
    assert set(verdicts(check_editing(track)).values()) == {"pass"}
    camera = track.camera.clone()
    camera[:, 0] = torch.linspace(1, 1.4, len(track))
    found = check_editing(replace(track, camera=camera, cuts=(4,)))
    assert set(verdicts(found).values()) == {"warn"} and "zoom 40%" in found[1].measured
