"""Verdicts about light, company and cuts."""

from dataclasses import replace

import torch

from motion_control.engine.capture.checks import Looks, check_company, check_cuts, check_looks, exposure
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


def test_nobody_in_the_picture_has_no_light():
    level = torch.full((10,), 0.5)
    assert check_looks(Looks(level, level), torch.zeros(10, dtype=torch.bool)) == ()


def test_company_and_cuts(acting):
    assert check_company([]).verdict == "pass"
    found = check_company([{"where": [0.2, 0.5], "first_frame": 3, "frames": 40}])
    assert found.verdict == "warn" and "1 other" in found.measured
    track = acting.perform(canonical_face())
    assert check_cuts(track).verdict == "pass"
    assert check_cuts(replace(track, cuts=(4,))).verdict == "warn"
