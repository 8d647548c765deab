"""Heads whose every view is known: what a binding predicts of views it never saw, how expression is carried over.

Errors are measured where the truth shows the face, in grey levels and in landmarks read back by the pack's own network.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from motion_control.engine.geometry.pose import head_pose, unpose
from motion_control.engine.identity import bind_identity
from motion_control.engine.render import plan, render_frames
from motion_control.engine.render.response import channels
from motion_control.engine.types import RenderSettings

SIZE = 320
TURNS = (0, 15, 30, 45)
HOLD = 8


@pytest.fixture(scope="module")
def heads(hopper, collins, authored):
    return authored.head(hopper, (0.35, 0.30, 0.28)), authored.head(collins, (0.40, 0.25, 0.15))


@pytest.fixture(scope="module")
def turned(heads, acting, authored):
    """The second head, turned: its true pictures, and the track that is captured from them."""
    truth = [heads[1].draw(authored.yaw(turn), SIZE) for turn in TURNS]
    points = torch.stack([acting.find_face(picture) for picture in truth])
    return truth, acting.track_of(points.repeat_interleave(HOLD, 0), (SIZE, SIZE), smoothing=0.0)


def errors(head, turned, yaw, bound: tuple[int, ...]) -> list[float]:
    """Mean difference in grey levels over the face's box at each of TURNS, with pictures at `bound` degrees."""
    truth, track = turned
    identity = bind_identity([head.draw(yaw(turn), SIZE) for turn in bound], [f"{turn} degrees" for turn in bound])
    frames = torch.cat(list(render_frames(plan(track, identity, RenderSettings()))))
    found = []
    for number, turn in enumerate(TURNS):
        points = head.posed(yaw(turn), SIZE)[:468, :2]
        (x0, y0), (x1, y1) = points.amin(0).int().tolist(), points.amax(0).int().tolist()
        shown, wanted = (p[y0:y1, x0:x1].float() for p in (frames[number * HOLD + HOLD // 2], truth[number]))
        found.append(float((shown - wanted).abs().mean()))
    return found


def test_more_pictures_predict_unseen_views_better(heads, turned, authored):
    one, two, three = (errors(heads[1], turned, authored.yaw, bound) for bound in ((0,), (0, 40), (0, 40, 22)))
    print("grey levels at", TURNS, "degrees:", *([round(e, 1) for e in each] for each in (one, two, three)))
    # the bound frontal picture itself is played back as it is
    assert max(one[0], two[0], three[0]) < 4
    assert two[3] < 0.6 * one[3] and three[3] < 0.6 * one[3]
    assert three[2] < 0.8 * one[2]
    assert sum(three) < sum(two) < sum(one)


def test_several_pictures_make_the_guess_of_an_unusual_depth_better(heads, authored):
    deeper = heads[1].neutral.clone()
    deeper[:, 2] *= 1.3
    head = replace(heads[1], neutral=deeper)
    pictures = [head.draw(authored.yaw(turn), SIZE) for turn in (0, 40, -40)]
    truth = head.neutral[:, 2]

    def wrong(identity):
        depth = identity.neutral[:468, 2]
        wanted = truth[:468]
        return float(((depth - depth.mean()) - (wanted - wanted.mean())).abs().mean())

    alone, together = bind_identity(pictures[:1]), bind_identity(pictures)
    assert together.primary == 0
    assert wrong(together) < 0.97 * wrong(alone)


COEFFICIENTS = (
    {"jawOpen": 0.7},
    {"mouthSmileRight": 0.9, "mouthSmileLeft": 0.9},
    {"mouthPucker": 0.9},
    {"browUp": 1.0},
)


def test_an_expression_arrives_as_strong_as_it_was_played(heads, collins, acting, authored):
    """The first head plays; on the second one its expressions must be read as strong as they were played."""
    driver, character = heads[0], replace(heads[1], neutral=collins.resting)
    front = authored.yaw(0)
    played = torch.stack([driver.posed(front, SIZE)] + [driver.posed(front, SIZE, one) for one in COEFFICIENTS])
    track = acting.track_of(played.repeat_interleave(HOLD, 0), (SIZE, SIZE), smoothing=0.0)
    identity = bind_identity([character.draw(front, SIZE)])
    frames = torch.cat(list(render_frames(plan(track, identity, RenderSettings()))))
    shown = torch.stack([acting.find_face(frames[number * HOLD + HOLD // 2]) for number in range(len(played))])
    shown, wanted = (
        channels(unpose(points, *head_pose(points, face)))
        for points, face in ((shown, identity.neutral), (played, driver.neutral))
    )
    shown, wanted = shown[1:] - shown[:1], wanted[1:] - wanted[:1]
    for number, channel in ((0, 0), (1, 1), (2, 1), (3, 2)):  # jaw: opening, smile and pucker: width, brows: height
        ratio = float(shown[number, channel] / wanted[number, channel])
        print(COEFFICIENTS[number], f"read {ratio:.2f} times as strong as played")
        assert ratio == pytest.approx(1.0, abs=0.3), COEFFICIENTS[number]
