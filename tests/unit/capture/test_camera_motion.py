"""The reference's own camera: a picture is zoomed, rolled and panned by known amounts behind somebody who moves."""

import time

import pytest
import torch
import torch.nn.functional as F

from motion_control.engine.capture.camera_motion import CameraWatcher, camera_motion

WIDTH, HEIGHT, COUNT = 480, 360, 60


@pytest.fixture(scope="module")
def room(portraits):
    """A large picture with detail everywhere, float [3, H, W]: an astronaut's whole portrait, tiled by mirroring."""
    picture = portraits.whole.permute(2, 0, 1).float()
    picture = torch.cat([picture, picture.flip(2)], 2)
    return torch.cat([picture, picture.flip(1)], 1)


def shot(room, zoom, roll, pan, person=True):
    """Frames uint8 [T, H, W, 3] of the room under a camera [T] each, and the boxes of a striped person who walks."""
    frames, boxes = [], []
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    here = torch.stack([x - WIDTH / 2, y - HEIGHT / 2], -1)
    noise = torch.Generator().manual_seed(3)
    for i in range(len(zoom)):
        cos, sin = torch.cos(roll[i]), torch.sin(roll[i])
        back = torch.stack([torch.stack([cos, sin]), torch.stack([-sin, cos])]) / zoom[i]
        source = (here - pan[i]) @ back.T
        grid = source / torch.tensor([room.shape[2] / 2.0, room.shape[1] / 2.0])
        picture = F.grid_sample(room[None], grid[None], align_corners=False, padding_mode="reflection")[0]
        left = 150 + 60 * float(torch.sin(torch.tensor(i / 6)))
        box = [left, 60.0, left + 130, 360.0]
        if person:
            inside = (x > box[0]) & (x < box[2]) & (y > box[1])
            picture = torch.where(inside, 120 + 90 * torch.sin((x - left) / 6 + y / 9), picture)
        picture = picture + 2 * torch.randn(picture.shape, generator=noise)
        frames.append(picture.permute(1, 2, 0).round().clamp(0, 255).to(torch.uint8))
        boxes.append(box)
    return torch.stack(frames), torch.tensor(boxes)


def watch(frames):
    watcher = CameraWatcher()
    for part in frames.split(8):
        watcher.add(part)
    return watcher.pictures


def close(found, zoom, roll, pan):
    assert (found[:, 0] / zoom - 1).abs().max() < 0.01
    assert torch.rad2deg((found[:, 1] - roll).abs()).max() < 0.3
    assert (found[:, 2:] - pan).abs().max() < 0.01 * WIDTH


def test_zoom_roll_and_pan_are_found_behind_a_moving_person(room):
    t = torch.linspace(0, 1, COUNT)
    zoom, roll = 1 + 0.35 * t, torch.deg2rad(7 * torch.sin(5 * t))
    pan = torch.stack([90 * t, -25 * torch.sin(4 * t)], 1)
    frames, boxes = shot(room, zoom, roll, pan)
    close(camera_motion(watch(frames), boxes, WIDTH, HEIGHT), zoom, roll, pan)


def test_it_is_relative_to_the_anchor(room):
    t = torch.linspace(0, 1, 30)
    frames, boxes = shot(room, 1 + 0.2 * t, 0 * t, torch.stack([40 * t, 0 * t], 1))
    found = camera_motion(watch(frames), boxes, WIDTH, HEIGHT, anchor=20)
    assert found[20].tolist() == [1, 0, 0, 0]
    zoom = (1 + 0.2 * t) / (1 + 0.2 * t[20])
    pan = 40 * t - zoom * 40 * t[20]
    close(found, zoom, 0 * t, torch.stack([pan, 0 * t], 1))


def test_a_long_pan_does_not_drift(room):
    """The camera goes so far that nothing of the first frame is left, and comes back."""
    t = torch.linspace(0, 1, 120)
    pan = torch.stack([420 * torch.sin(torch.pi * t), 0 * t], 1)
    frames, boxes = shot(room, 1 + 0 * t, 0 * t, pan)
    close(camera_motion(watch(frames), boxes, WIDTH, HEIGHT), 1 + 0 * t, 0 * t, pan)


def test_a_camera_on_a_tripod_is_exactly_still(room):
    t = torch.zeros(COUNT)
    frames, boxes = shot(room, 1 + t, t, torch.stack([t, t], 1))
    found = camera_motion(watch(frames), boxes, WIDTH, HEIGHT)
    assert torch.equal(found, torch.tensor([1.0, 0, 0, 0]).repeat(COUNT, 1))


def test_shots_are_not_joined(room):
    t = torch.linspace(0, 1, 20)
    first, boxes = shot(room, 1 + 0.3 * t, 0 * t, torch.stack([0 * t, 0 * t], 1))
    second = shot(room.flip(1), 1 + 0 * t, 0 * t, torch.stack([30 * t, 0 * t], 1))[0]
    found = camera_motion(watch(torch.cat([first, second])), boxes.repeat(2, 1), WIDTH, HEIGHT, cuts=(20,))
    close(found[:20], 1 + 0.3 * t, 0 * t, torch.zeros(20, 2))
    close(found[20:], 1 + 0 * t, 0 * t, torch.stack([30 * t, 0 * t], 1))


def test_nothing_to_hold_on_to_is_a_still_camera():
    grey = torch.full((10, 90, 120, 3), 128, dtype=torch.uint8)
    found = camera_motion(watch(grey), torch.zeros(10, 4), 120, 90)
    assert torch.equal(found, torch.tensor([1.0, 0, 0, 0]).repeat(10, 1))


def test_it_is_quick(room):
    t = torch.linspace(0, 1, 40)
    frames, boxes = shot(room, 1 + 0.2 * t, 0 * t, torch.zeros(40, 2))
    pictures = watch(frames)
    best = min(_seconds(lambda: camera_motion(pictures, boxes, WIDTH, HEIGHT)) for _ in range(3))
    assert best / len(frames) < 0.02  # about 3 ms on a quiet machine


def _seconds(run) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
