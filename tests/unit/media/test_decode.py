"""iterate: batches, colour, memory."""

import gc
import itertools
import logging
from fractions import Fraction

import av
import numpy as np
import psutil
import pytest
import torch

from motion_control.engine.errors import MediaError, SettingError
from motion_control.engine.media import VideoWriter, iterate, open_clip, scaled_size

COLOURS = list(itertools.product((16, 90, 170, 235), repeat=3))


def test_batches_carry_their_place_and_time(media, tmp_path):
    clip = open_clip(media.make_video(tmp_path / "a.mp4", 20, Fraction(24000, 1001)), start=0.5)
    batches = list(iterate(clip, batch=3))
    assert [b.first for b in batches] == list(range(0, clip.frame_count, 3))
    times = torch.cat([b.times for b in batches])
    assert times.dtype == torch.float64 and len(times) == clip.frame_count
    assert torch.allclose(times, torch.arange(clip.frame_count, dtype=torch.float64) * 1001 / 24000)
    assert all(b.frames.dtype == torch.uint8 and b.frames.is_contiguous() for b in batches)


def test_a_reduced_size_keeps_proportions(media, tmp_path):
    assert scaled_size(1920, 1080, None) == scaled_size(1920, 1080, 1920) == (1920, 1080)
    assert scaled_size(1920, 1080, 512) == (512, 288)
    assert scaled_size(418, 740, 512) == (290, 512)
    assert scaled_size(2000, 10, 100) == (100, 2)
    clip = open_clip(media.make_video(tmp_path / "a.mp4", 4, size=(192, 96)))
    assert next(iterate(clip, max_side=96)).frames.shape == (4, 48, 96, 3)
    for wrong in ({"batch": 0}, {"max_side": 0}):
        with pytest.raises(SettingError):
            iterate(clip, **wrong)


def test_a_generator_that_is_left_closes_its_file(media, tmp_path):
    clip = open_clip(media.make_video(tmp_path / "a.mp4", 30))
    before = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0
    for _ in range(20):
        next(iterate(clip, batch=2))
    gc.collect()
    after = psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0
    assert after <= before + 2


def planes(colour, matrix, full):
    """Y, Cb, Cr of an RGB colour by the definition of the matrix."""
    kr, kb = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}[matrix]
    r, g, b = colour
    y = kr * r + (1 - kr - kb) * g + kb * b
    cb, cr = (b - y) / (2 - 2 * kb), (r - y) / (2 - 2 * kr)
    return (y, 128 + cb, 128 + cr) if full else (16 + y * 219 / 255, 128 + cb * 224 / 255, 128 + cr * 224 / 255)


@pytest.mark.parametrize(
    "tag, matrix, full, height",
    [
        (1, "bt709", False, 64),
        (1, "bt709", True, 64),
        (6, "bt601", False, 64),
        (5, "bt601", True, 64),
        (9, "bt2020", False, 64),
        (2, "bt601", False, 64),
        (2, "bt709", False, 720),
    ],
)
def test_tags_decide_the_matrix(media, tmp_path, tag, matrix, full, height):
    def patch(i, width, tall):
        frame = av.VideoFrame(width, tall, "yuv420p")
        for plane, value in zip(frame.planes, planes(COLOURS[i], matrix, full)):
            plane.update(np.full(plane.buffer_size, round(value), np.uint8).tobytes())
        frame.colorspace, frame.color_range = tag, 2 if full else 1
        return frame

    def prepare(stream):
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, 2 if full else 1

    path = media.make_video(
        tmp_path / "a.mp4",
        len(COLOURS),
        size=(64, height),
        picture=patch,
        prepare=prepare,
        options={"crf": "1"},
    )
    frames = torch.cat([b.frames for b in iterate(open_clip(path))])
    found = frames[:, 20:40, 20:40].float().mean((1, 2))
    inside = [i for i, c in enumerate(COLOURS) if all(0 <= v <= 255 for v in planes(c, matrix, full))]
    assert (found[inside] - torch.tensor(COLOURS)[inside]).abs().max() <= 2.5


def test_a_saved_colour_comes_back(media, tmp_path):
    frames = torch.tensor(COLOURS, dtype=torch.uint8)[:, None, None].expand(-1, 64, 64, -1)
    for ending in (".mp4", ".mkv", ".mov"):
        path = tmp_path / f"a{ending}"
        with VideoWriter(path, 64, 64, 30) as writer:
            writer.write(frames)
        back = torch.cat([b.frames for b in iterate(open_clip(path))])
        difference = (back.int() - frames.int())[:, 8:-8, 8:-8].float()
        assert difference.abs().amax() <= 3
        assert difference.mean((0, 1, 2)).abs().amax() < 0.5
        with av.open(str(path)) as file:
            context = file.streams.video[0].codec_context
            tags = context.color_primaries, context.color_trc, context.colorspace, context.color_range
            assert tags == (1, 1, 1, 1) and context.pix_fmt == "yuv420p"


def test_frames_that_do_not_decode_are_replaced(media, tmp_path, caplog):
    path = media.make_video(tmp_path / "a.mp4", 40, 30, options={"g": "10", "bf": "0"}, movflags="faststart")
    clip = open_clip(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * 0.6)])  # cut off after it was opened
    with caplog.at_level(logging.WARNING):
        shown = [media.number_in(f) for b in iterate(clip) for f in b.frames]
    assert len(shown) == 40 and len(set(shown[-5:])) == 1 and shown[:10] == list(range(10))
    assert "could not be decoded" in caplog.text
    path.write_bytes(data[: data.index(b"mdat") + 40])
    with pytest.raises(MediaError):
        list(iterate(clip))


def test_memory_does_not_grow_with_length(media, tmp_path):
    """3000 frames of 320x240 are 690 MB as RGB; reading and writing them takes a small part of it."""
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    path = media.make_video(
        tmp_path / "a.mp4",
        3000,
        size=(320, 240),
        picture=lambda i, w, h: np.roll(noise, i, 1) if i % 50 == 0 else np.full((h, w, 3), i % 256, np.uint8),
        sound=media.burst(1, 100),
    )
    process = psutil.Process()
    clip = open_clip(path)
    start = peak = None
    with VideoWriter(tmp_path / "b.mp4", 320, 240, clip.frame_rate, audio=clip, preset="ultrafast") as writer:
        for batch in iterate(clip):
            if batch.first % 4 == 0:
                writer.write(batch.frames[:2])
            if batch.first >= 400:
                start = start or process.memory_info().rss
                peak = max(peak or 0, process.memory_info().rss)
    assert peak - start < 60e6
    assert clip.source_times.element_size() * len(clip.source_times) == 8 * 3000
