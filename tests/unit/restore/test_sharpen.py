"""restore_faces: detail comes back where it was lost, everything else stays bit-equal."""

import pytest
import torch
from kornia.filters import gaussian_blur2d

from motion_control.engine.errors import SettingError
from motion_control.engine.restore import restore_faces


def restored(frames, identity, strength=1.0):
    return torch.cat(list(restore_faces(iter([frames]), identity, strength)))


def blurred(picture, sigma=2.0):
    planes = picture.permute(2, 0, 1)[None].float()
    return gaussian_blur2d(planes, (13, 13), (sigma, sigma))[0].permute(1, 2, 0).round().to(torch.uint8)


def detail(picture, where) -> float:
    """Variance of the Laplacian of the grey picture."""
    grey = picture.float().mean(-1)[None, None]
    kernel = torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return float(torch.nn.functional.conv2d(grey, kernel, padding=1)[0, 0][where].var())


def box_of(identity):
    low, high = identity.view.points[:468, :2].int().aminmax(dim=0)
    box = torch.zeros(identity.view.image.shape[:2], dtype=torch.bool)
    box[low[1] : high[1] + 1, low[0] : high[0] + 1] = True
    return box


def test_the_sharp_portrait_is_left_alone(hopper, collins):
    for identity in (hopper, collins):
        frame = identity.view.image[None]
        assert torch.equal(restored(frame, identity), frame)


def test_a_sharp_render_is_left_alone(hopper, acting):
    """One place in ten thousand may be stretched so far that it lost a level or two."""
    frames = acting.render(acting.perform(hopper.neutral, rotation=acting.turn(10 * acting.swell())), hopper)
    change = (restored(frames[[0, 11]], hopper).int() - frames[[0, 11]].int()).abs()
    assert (change > 0).float().mean() < 5e-4 and change.max() <= 3


@pytest.mark.parametrize("name", ["hopper", "collins"])
def test_a_blurred_face_gets_sharper_and_nothing_but_the_face(name, request):
    identity = request.getfixturevalue(name)
    face, frame = box_of(identity), blurred(identity.view.image)
    half, full = (restored(frame[None], identity, strength)[0] for strength in (0.5, 1.0))
    assert torch.equal(full[~face], frame[~face])
    before = detail(frame, face)
    assert 1.25 * before < detail(full, face) < detail(identity.view.image, face)
    assert before < detail(half, face) < detail(full, face)
    # what comes back is the portrait's own: nearer to it than the blurred frame was
    truth = identity.view.image.float()
    assert (full.float() - truth).square().mean() < (frame.float() - truth).square().mean()


def test_strength_zero_and_frames_without_a_face_are_bit_equal(hopper):
    frame = blurred(hopper.view.image)
    assert torch.equal(restored(frame[None], hopper, 0.0)[0], frame)
    noise = torch.randint(0, 256, (2, 96, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(restored(noise, hopper), noise)


def test_a_stream_keeps_its_batches_and_its_input(hopper):
    frame = blurred(hopper.view.image)
    black = torch.zeros_like(frame)
    batches = [torch.stack([frame, black]), black[None], frame[None]]
    copies = [batch.clone() for batch in batches]
    steps = []
    out = list(restore_faces(iter(batches), hopper, 1.0, lambda *step: steps.append(step), total=4))
    assert [len(batch) for batch in out] == [2, 1, 1] and steps == [(2, 4), (3, 4), (4, 4)]
    for batch, copy in zip(batches, copies):
        assert torch.equal(batch, copy)
    assert torch.equal(out[0][1], black) and torch.equal(out[1][0], black)
    # found again after a frame without a face
    assert not torch.equal(out[2][0], frame) and not torch.equal(out[0][0], frame)


@pytest.mark.parametrize("strength", [-0.1, 1.5, float("nan")])
def test_strength_out_of_range_is_a_sentence(hopper, strength):
    with pytest.raises(SettingError, match=r"strength is .*; choose a value from 0 to 1\.$"):
        restored(hopper.view.image[None], hopper, strength)
