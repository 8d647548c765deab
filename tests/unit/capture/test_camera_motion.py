"""The reference's own camera: a textured room zooms, rolls and pans by known amounts behind somebody who moves."""

import math
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.capture.background import IDENTITY, Key, Look
from motion_control.engine.capture.camera_motion import CameraFollower, camera_path, grey
from motion_control.engine.capture.checks import check_camera
from motion_control.engine.capture.cuts import ShotPart
from motion_control.engine.capture.performer import Seen
from motion_control.engine.types import FrameBatch

WIDTH, HEIGHT, RATE, COUNT = 384, 216, 25.0, 40
STILL = torch.tensor([1.0, 0, 0, 0])
# a figure of height 1 whose shoulders are in the middle: joint -> x, y
JOINTS = {
    0: (0, -0.14), 7: (0.04, -0.15), 8: (-0.04, -0.15), 11: (0.1, 0), 12: (-0.1, 0), 13: (0.2, 0.12), 14: (-0.2, 0.12),
    15: (0.24, 0.26), 16: (-0.24, 0.26), 23: (0.06, 0.3), 24: (-0.06, 0.3), 25: (0.07, 0.55), 26: (-0.07, 0.55),
    27: (0.08, 0.78), 28: (-0.08, 0.78), 29: (0.08, 0.8), 30: (-0.08, 0.8), 31: (0.1, 0.82), 32: (-0.1, 0.82),
}  # fmt: skip
BONES = ((11, 12), (11, 23), (12, 24), (11, 24), (12, 23), (11, 13), (13, 15), (12, 14), (14, 16), (23, 25), (25, 27),
         (24, 26), (26, 28))  # fmt: skip


def textured(seed: int) -> torch.Tensor:
    """Blotches of all sizes, float [3, 1000, 1600] 0..255."""
    noise = torch.Generator().manual_seed(seed)
    layers = [
        F.interpolate(torch.rand(1, 3, 1000 // step, 1600 // step, generator=noise), size=(1000, 1600), mode="bilinear")
        for step in (8, 20, 50, 200)
    ]
    return (sum(layers)[0] - 2) * 110 + 128


CLOTH = textured(9)[:, :500, :500]


@pytest.fixture(scope="module")
def room():
    return textured(1)


def figure(i: int, tall: float, sway: float) -> torch.Tensor:
    """Joints [33, 5] of somebody who walks to and fro and waves."""
    body = torch.zeros(33, 5)
    for joint, (x, y) in JOINTS.items():
        body[joint, 0], body[joint, 1] = tall * x, tall * y
    for wrist, side in ((15, 1), (16, -1)):
        body[wrist, 0] += side * 0.1 * tall * math.sin(i / 3)
        body[wrist, 1] -= 0.3 * tall * math.cos(i / 4) ** 2
    body[:, 0] += WIDTH / 2 + sway * math.sin(i / 6)
    body[:, 1] += HEIGHT * 0.35
    body[:, 3:] = 1
    return body


def drawn(picture, body, tall, x, y):
    """The figure in a cloth that moves with it; x, y [H, W] px."""
    spot = torch.stack([x, y], -1)[::2, ::2]
    start, line = body[[a for a, _ in BONES], :2], body[[b for _, b in BONES], :2] - body[[a for a, _ in BONES], :2]
    apart = spot[:, :, None] - start
    along = ((apart * line).sum(-1) / line.square().sum(-1).clamp_min(1e-6)).clamp(0, 1)
    inside = ((apart - along[..., None] * line).norm(dim=-1) < 0.06 * tall).any(2)
    inside |= (spot - body[0, :2]).norm(dim=-1) < 0.09 * tall
    inside = inside.repeat_interleave(2, 0).repeat_interleave(2, 1)
    cloth = torch.stack([x - body[0, 0], y - body[0, 1]], -1) / 250
    cloth = F.grid_sample(CLOTH[None], cloth[None], padding_mode="reflection", align_corners=False)[0]
    return torch.where(inside, cloth, picture)


def shot(room, zoom, roll, pan, tall=180.0, sway=50.0):
    """Frames uint8 [T, H, W, 3] of the room under a camera ([T], [T] radians, [T, 2] px), and what is Seen of the
    figure in front of it."""
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    here = torch.stack([x - WIDTH / 2, y - HEIGHT / 2], -1)
    noise = torch.Generator().manual_seed(3)
    seen, frames = Seen.nothing(len(zoom)), []
    for i in range(len(zoom)):
        cos, sin = torch.cos(roll[i]), torch.sin(roll[i])
        back = torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])]) / zoom[i]
        source = (here - pan[i]) @ back.T
        grid = source / torch.tensor([room.shape[2] / 2.0, room.shape[1] / 2.0])
        picture = F.grid_sample(room[None], grid[None], align_corners=False, padding_mode="reflection")[0]
        if tall:
            body = figure(i, tall, sway)
            picture = drawn(picture, body, tall, x, y)
            seen.body[i], seen.body_read[i] = body, True
        picture = picture + 3 * torch.randn(picture.shape, generator=noise)
        frames.append(picture.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8))
    return torch.stack(frames), seen


def follow(frames, seen, cuts=(), rate=RATE):
    follower = CameraFollower(rate)
    edges = sorted({*range(0, len(frames), 8), *cuts, len(frames)})
    for start, stop in zip(edges, edges[1:]):
        part = slice(start, stop)
        times = torch.arange(start, stop, dtype=torch.float64) / rate
        some = Seen(*(getattr(seen, name)[part] for name in Seen.__dataclass_fields__))
        follower.read(ShotPart(FrameBatch(frames[part], times, start), start in cuts), some)
    return follower.trail()


def path(frames, seen, anchor=0, cuts=()):
    return camera_path(follow(frames, seen, cuts), RATE, anchor, cuts)


def close(found, zoom, roll, pan):
    assert (found[:, 0] / zoom - 1).abs().max() < 0.01
    assert torch.rad2deg((found[:, 1] - roll).abs()).max() < 0.3
    assert (found[:, 2:] - pan).abs().max() < 0.008 * WIDTH


def test_zoom_roll_and_pan_are_found_behind_somebody_who_moves(room):
    t = torch.linspace(0, 1, COUNT)
    zoom, roll = 1 + 0.35 * t, torch.deg2rad(7 * torch.sin(5 * t))
    pan = torch.stack([70 * t, -20 * torch.sin(4 * t)], 1)
    close(path(*shot(room, zoom, roll, pan)), zoom, roll, pan)


def test_a_slow_zoom_is_found(room):
    t = torch.linspace(0, 1, COUNT)
    zoom = 1 + 0.04 * t
    found = path(*shot(room, zoom, 0 * t, torch.zeros(COUNT, 2)))
    assert found[-1, 0] == pytest.approx(1.04, abs=0.004)


def test_it_is_relative_to_the_anchor(room):
    t = torch.linspace(0, 1, 30)
    found = path(*shot(room, 1 + 0.2 * t, 0 * t, torch.stack([40 * t, 0 * t], 1)), anchor=20)
    torch.testing.assert_close(found[20], STILL)
    zoom = (1 + 0.2 * t) / (1 + 0.2 * t[20])
    close(found, zoom, 0 * t, torch.stack([40 * t - zoom * 40 * t[20], 0 * t], 1))


def test_a_long_pan_does_not_drift(room):
    """The camera goes so far that nothing of the first frame is left, and comes back."""
    t = torch.linspace(0, 1, 120)
    pan = torch.stack([400 * torch.sin(torch.pi * t), 0 * t], 1)
    found = path(*shot(room, 1 + 0 * t, 0 * t, pan))
    close(found, 1 + 0 * t, 0 * t, pan)
    assert found[-1, 2:].abs().max() < 1.5


@pytest.mark.parametrize(("tall", "sway"), [(180.0, 50.0), (480.0, 40.0)])
def test_a_camera_on_a_tripod_is_exactly_still(room, tall, sway):
    """However much the figure moves, also when it fills most of the picture and the room behind it is faint."""
    t = torch.zeros(COUNT)
    frames, seen = shot(room if tall < 200 else 128 + (room - 128) / 4, 1 + t, t, torch.zeros(COUNT, 2), tall, sway)
    trail = follow(frames, seen)
    assert trail.is_known
    assert torch.equal(camera_path(trail, RATE), STILL.repeat(COUNT, 1))


def test_a_bus_that_passes_is_not_the_camera(room):
    t = torch.zeros(COUNT)
    frames, seen = shot(room, 1 + t, t, torch.zeros(COUNT, 2), tall=0)
    bus = textured(4).permute(1, 2, 0).clamp(0, 255).to(torch.uint8)
    for i, frame in enumerate(frames):
        left = 10 + 2 * i
        frame[:150, left : left + 290] = bus[:150, : min(290, WIDTH - left)]
    assert torch.equal(path(frames, seen), STILL.repeat(COUNT, 1))


def test_shots_are_not_joined(room):
    t = torch.linspace(0, 1, 30)
    first, seen = shot(room, 1 + 0.3 * t, 0 * t, torch.zeros(30, 2))
    second, _ = shot(textured(2), 1 + 0 * t, 0 * t, torch.stack([30 * t, 0 * t], 1))
    both = Seen.joined([seen, seen])
    found = path(torch.cat([first, second]), both, cuts=(30,))
    close(found[:30], 1 + 0.3 * t, 0 * t, torch.zeros(30, 2))
    close(found[30:], 1 + 0 * t, 0 * t, torch.stack([30 * t, 0 * t], 1))


def test_a_shot_that_stands_still_beside_one_that_moves_is_exactly_still(room):
    t = torch.linspace(0, 1, 30)
    first, seen = shot(room, 1 + 0.3 * t, 0 * t, torch.zeros(30, 2))
    second, _ = shot(textured(2), 1 + 0 * t, 0 * t, torch.zeros(30, 2))
    found = path(torch.cat([first, second]), Seen.joined([seen, seen]), cuts=(30,))
    assert torch.equal(found[30:], STILL.repeat(30, 1)) and found[29, 0] > 1.25


def test_only_a_motion_that_makes_the_background_alike_is_a_gain(room):
    t = torch.linspace(0, 1, 2)
    frames, _ = shot(room, 1 + 0 * t, 0 * t, torch.stack([4 * t, 0 * t], 1), tall=0)
    first, second = (Look(picture, np.zeros((0, 5))) for picture in grey(frames.numpy(), 1))
    key = Key(first, None)
    found = key.find(second, IDENTITY)
    np.testing.assert_allclose(found.place, [[1, 0, 4], [0, 1, 0]], atol=0.05)
    assert found.gain < 0.5 and found.static == 0 and found.share > 0.8
    # all but the patches themselves is something else now: they moved, and the picture is no more like the key's
    odd = grey(shot(textured(6), t + 1, 0 * t, torch.zeros(2, 2), tall=0)[0].numpy(), 1)[0]
    for x, y in key.places.astype(int):
        part = slice(max(0, y - 9), y + 10), slice(max(0, x - 9), x + 14)
        odd[part] = second.picture[part]
    assert key.find(Look(odd, np.zeros((0, 5))), IDENTITY).gain > found.gain


def test_a_blank_wall_says_nothing():
    grey = torch.full((20, HEIGHT, WIDTH, 3), 128, dtype=torch.uint8)
    trail = follow(grey, Seen.nothing(20))
    assert not trail.is_known
    assert torch.equal(camera_path(trail, RATE), STILL.repeat(20, 1))


def test_a_caption_that_stays_does_not_hold_the_room(room):
    t = torch.linspace(0, 1, COUNT)
    pan = torch.stack([60 * t, 0 * t], 1)
    frames, seen = shot(room, 1 + 0 * t, 0 * t, pan)
    frames[:, 176:200, 96:288] = textured(5)[:, 176:200, 96:288].permute(1, 2, 0).clamp(0, 255).to(torch.uint8)
    close(path(frames, seen), 1 + 0 * t, 0 * t, pan)


def test_a_moment_that_cannot_be_seen_is_bridged(room):
    t = torch.linspace(0, 1, COUNT)
    pan = torch.stack([60 * t, 0 * t], 1)
    frames, seen = shot(room, 1 + 0 * t, 0 * t, pan)
    frames[20:23] = 255
    close(path(frames, seen), 1 + 0 * t, 0 * t, pan)


def test_at_sixty_frames_a_second_every_other_one_is_enough(room):
    t = torch.linspace(0, 1, 45)
    pan = torch.stack([50 * t, 0 * t], 1)
    trail = follow(*shot(room, 1 + 0 * t, 0 * t, pan), rate=60.0)
    assert trail.is_known and trail.looked.sum() == 23
    close(camera_path(trail, 60.0), 1 + 0 * t, 0 * t, pan)


def test_verdicts(room):
    moving = torch.stack([torch.linspace(1, 1.3, 20), *(torch.zeros(20),) * 3], 1)
    found = check_camera(moving, True, WIDTH, HEIGHT, ())
    assert found.verdict == "warn" and "zoom 30%" in found.measured
    assert check_camera(STILL.repeat(20, 1), True, WIDTH, HEIGHT, ()).measured == "still"
    assert "not known" in check_camera(STILL.repeat(20, 1), False, WIDTH, HEIGHT, ()).measured
    # two shots on tripods, seen from different places, are no motion
    placed = torch.cat([STILL.repeat(10, 1), torch.tensor([[1.4, 0, 50, 0]]).repeat(10, 1)])
    assert check_camera(placed, True, WIDTH, HEIGHT, (10,)).measured == "still"


def test_a_clip_of_a_face_before_a_room_that_zooms(room, portraits, capture):
    """From the file to the track: the face stays in its place while the room behind it grows by a quarter."""
    from motion_control.models.matte import person_matte

    size = 160
    matte = person_matte(portraits.hopper[None], refine=True)
    layers = torch.cat([portraits.hopper.permute(2, 0, 1).float(), matte])[None]
    *face, alpha = F.interpolate(layers, size=(size, size), antialias=True, mode="bilinear")[0]
    face = torch.stack(face)
    t = torch.linspace(0, 1, 40)
    frames, _ = shot(room, 1 + 0.25 * t, 0 * t, torch.zeros(40, 2), tall=0)
    for i, frame in enumerate(frames):
        left = 112 + round(6 * math.sin(i / 5))
        part = frame[HEIGHT - size :, left : left + size].permute(2, 0, 1).float()
        mixed = alpha * face + (1 - alpha) * part
        frame[HEIGHT - size :, left : left + size] = mixed.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8)
    track = capture(frames)
    zoom = track.camera[:, 0] / track.camera[0, 0]
    assert (zoom / (1 + 0.25 * t) - 1).abs().max() < 0.015
    torch.testing.assert_close(track.camera[track.anchor], STILL)
    assert any("camera: moves: zoom 2" in line for line in track.report["checks"])


def test_it_is_quick(room):
    t = torch.linspace(0, 1, 40)
    frames, seen = shot(room, 1 + 0.2 * t, 0 * t, torch.zeros(40, 2))
    frames = F.interpolate(frames.permute(0, 3, 1, 2).float(), size=(720, 1280)).permute(0, 2, 3, 1).to(torch.uint8)
    frames, scale = frames.contiguous(), torch.tensor([1280 / WIDTH, 720 / HEIGHT])
    seen.body[..., :2] *= scale
    best = min(_seconds(lambda: follow(frames, seen)) for _ in range(3))
    assert best / len(frames) < 0.02  # about 4 ms on a quiet machine


def _seconds(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
