"""open_clip: rates, windows, sizes, and the sentences for files that cannot be opened."""

from fractions import Fraction

import av
import numpy as np
import pytest

from motion_control.engine.errors import MediaError, SettingError
from motion_control.engine.media import iterate, open_clip

NTSC = Fraction(30000, 1001)


def numbers(media, clip, **how):
    return [media.number_in(frame) for batch in iterate(clip, **how) for frame in batch.frames]


@pytest.mark.parametrize(
    "rate", [30, 24, 25, NTSC, Fraction(24000, 1001), 12, Fraction(1199, 100), Fraction(12000, 1001)]
)
@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_constant_rate_is_exact(media, tmp_path, rate, ending):
    clip = open_clip(media.make_video(tmp_path / f"a.{ending}", 40, rate))
    assert clip.frame_rate == clip.source_rate == rate
    assert (clip.frame_count, clip.start, clip.duration) == (40, 0, 40 / Fraction(rate))
    assert (clip.width, clip.height, clip.rotation, clip.audio) == (192, 96, 0, None)


@pytest.mark.parametrize(
    "ending, codec, options",
    [
        ("mp4", "libx264", {"preset": "fast", "bf": "3", "g": "25"}),
        ("mp4", "libx264", {"preset": "fast", "bf": "3", "x264-params": "open-gop=1:keyint=20"}),
        ("mkv", "libx264", {"preset": "fast", "bf": "2", "g": "30"}),
        ("ts", "libx264", {"preset": "fast", "bf": "2", "g": "30"}),
        ("avi", "mpeg4", {"g": "15", "b": "4000000"}),
        ("webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "g": "20"}),
        ("mpg", "mpeg2video", {"b": "4000000", "bf": "2"}),
        (
            "webm",
            "libvpx",
            {"deadline": "good", "cpu-used": "8", "auto-alt-ref": "1", "lag-in-frames": "16", "g": "20"},
        ),
        ("mov", "libx265", {"preset": "ultrafast", "x265-params": "log-level=none:keyint=20"}),
    ],
)
def test_a_window_starts_and_ends_at_the_right_frame(media, tmp_path, ending, codec, options):
    path = media.make_video(tmp_path / f"a.{ending}", 80, 30, codec=codec, options=options)
    assert numbers(media, open_clip(path)) == list(range(80))
    for first in (1, 19, 20, 33, 61, 79):
        clip = open_clip(path, start=first / 30, duration=0.5)
        assert clip.frame_rate == 30
        assert abs(clip.start - Fraction(first, 30)) < Fraction(1, 900)
        assert numbers(media, clip) == list(range(first, min(80, first + 15)))


def test_a_start_between_two_frames_takes_the_next(media, tmp_path):
    path = media.make_video(tmp_path / "a.mp4", 30, 30)
    clip = open_clip(path, start=0.51, duration=0.2)
    assert clip.start == Fraction(16, 30)
    assert numbers(media, clip) == [16, 17, 18, 19, 20, 21]
    assert numbers(media, open_clip(path, start=0.5333, duration=0.001)) == [16]
    assert numbers(media, open_clip(path, start=0.99)) == [29]


def test_a_variable_rate_keeps_its_time(media, tmp_path):
    random = np.random.default_rng(3)
    steps = random.choice([1500, 3000, 6000, 9000], 60)
    ticks = [0, *np.cumsum(steps).tolist()]
    base = Fraction(1, 90000)
    path = media.make_video(tmp_path / "a.mp4", len(ticks), 30, ticks=ticks, time_base=base)
    clip = open_clip(path)
    length = ticks[-1] * base
    assert length - 1 / clip.frame_rate / 2 <= clip.duration <= length + Fraction(9000, 90000) + 1 / clip.frame_rate / 2
    shown = numbers(media, clip)
    assert len(shown) == clip.frame_count
    for i, number in enumerate(shown):
        gaps = [abs(tick * base - i / clip.frame_rate) for tick in ticks]
        assert float(gaps[number]) <= float(min(gaps)) + 1e-6


def test_a_phone_that_drops_frames_keeps_every_other_one(media, tmp_path):
    dropped = {20, 21, 50}
    ticks = [3000 * i for i in range(80) if i not in dropped]
    path = media.make_video(tmp_path / "a.mp4", len(ticks), 30, ticks=ticks, time_base=Fraction(1, 90000))
    clip = open_clip(path)
    assert (clip.frame_rate, clip.frame_count) == (30, 80)
    assert set(numbers(media, clip)) == set(range(77))


def test_rounding_noise_is_still_a_constant_rate(media, tmp_path):
    ticks = [round(i * 90000 / 29.97) + (-1) ** i * 40 for i in range(90)]
    path = media.make_video(
        tmp_path / "a.mp4", 90, 30, ticks=[t - ticks[0] for t in ticks], time_base=Fraction(1, 90000)
    )
    clip = open_clip(path)
    assert clip.frame_count == 90 and abs(float(clip.frame_rate) - 29.97) < 0.005
    assert numbers(media, clip) == list(range(90))


@pytest.mark.parametrize("forced, expected", [(15, list(range(0, 30, 2))), (60, None), (24, None), (29.97, None)])
def test_force_rate_keeps_the_duration(media, tmp_path, forced, expected):
    clip = open_clip(media.make_video(tmp_path / "a.mp4", 30, 30), force_rate=forced)
    assert abs(clip.duration - 1) <= 1 / clip.frame_rate / 2
    assert clip.source_rate == 30
    shown = numbers(media, clip)
    assert len(shown) == clip.frame_count and shown == sorted(shown)
    if expected:
        assert shown == expected
    if forced == 29.97:
        assert clip.frame_rate == NTSC


# a, b, c, d of the matrix -> where the stored top left corner (red) and top right corner (green) are shown
@pytest.mark.parametrize(
    "matrix, rotation, mirrored, red, green",
    [
        ((1, 0, 0, 1), 0, False, (0, 0), (0, -1)),
        ((0, 1, -1, 0), 90, False, (0, -1), (-1, -1)),
        ((-1, 0, 0, -1), 180, False, (-1, -1), (-1, 0)),
        ((0, -1, 1, 0), 270, False, (-1, 0), (0, 0)),
        ((-1, 0, 0, 1), 0, True, (0, -1), (0, 0)),
        ((0, 1, 1, 0), None, True, (0, 0), (-1, 0)),
    ],
)
def test_rotation_metadata_is_applied(media, tmp_path, matrix, rotation, mirrored, red, green):
    def corners(i, width, height):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:32, :32, 0] = 255
        picture[:32, -32:, 1] = 255
        return picture

    path = media.make_video(tmp_path / "a.mp4", 3, size=(160, 96), picture=corners)
    clip = open_clip(media.set_matrix(path, matrix))
    turned = matrix[0] == 0
    assert (clip.width, clip.height) == ((96, 160) if turned else (160, 96))
    assert clip.mirrored == mirrored and rotation in (None, clip.rotation)
    for max_side in (None, 80):
        frame = next(iterate(clip, max_side=max_side)).frames[0]
        assert tuple(frame.shape[:2]) == tuple(s // (1 if max_side is None else 2) for s in (clip.height, clip.width))
        spot = [[8 if side == 0 else -8 for side in corner] for corner in (red, green)]
        assert frame[spot[0][0], spot[0][1], 0] > 200 and frame[spot[0][0], spot[0][1], 1] < 60
        assert frame[spot[1][0], spot[1][1], 1] > 200 and frame[spot[1][0], spot[1][1], 0] < 60


def test_odd_sizes_deep_colour_and_pixel_aspect(media, tmp_path):
    odd = open_clip(media.make_video(tmp_path / "odd.mkv", 3, size=(193, 97), pix_fmt="yuv444p"))
    assert (odd.width, odd.height) == (193, 97)
    assert next(iterate(odd)).frames.shape == (3, 97, 193, 3)
    for pix_fmt in ("yuv420p10le", "yuv422p"):
        deep = open_clip(media.make_video(tmp_path / f"{pix_fmt}.mkv", 5, pix_fmt=pix_fmt))
        assert numbers(media, deep) == list(range(5))

    def anamorphic(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    wide = open_clip(media.make_video(tmp_path / "wide.mp4", 3, prepare=anamorphic))
    assert (wide.width, wide.height) == (256, 96)
    assert next(iterate(wide)).frames.shape == (3, 96, 256, 3)


def test_one_frame(media, tmp_path):
    clip = open_clip(media.make_video(tmp_path / "a.mp4", 1, 24))
    assert (clip.frame_count, clip.frame_rate, clip.duration) == (1, 24, Fraction(1, 24))
    assert numbers(media, clip) == [0]


def test_files_without_presentation_times_are_counted(media, tmp_path):
    path = media.make_video(tmp_path / "a.h264", 40, 25, options={"g": "10"})
    clip = open_clip(path, start=0.8, duration=0.4)
    assert numbers(media, clip) == list(range(20, 30))


def test_a_clock_that_does_not_start_at_zero(media, tmp_path):
    ticks = [90000 * 7 + 3003 * i for i in range(40)]
    path = media.make_video(tmp_path / "a.mkv", 40, NTSC, ticks=ticks, time_base=Fraction(1, 90000))
    clip = open_clip(path, start=1.001, duration=0.2)
    assert clip.frame_rate == NTSC and float(clip.origin) == pytest.approx(7, abs=1e-3)
    assert numbers(media, clip) == list(range(30, 36))


def test_an_edit_list_hides_frames(media, tmp_path):
    source = media.make_video(tmp_path / "a.mp4", 60, 30, options={"g": "60", "bf": "0"})
    cut = tmp_path / "cut.mp4"
    with av.open(str(source)) as given, av.open(str(cut), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        shift = round(0.5 / given.streams.video[0].time_base)
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                out.mux(packet)
    assert numbers(media, open_clip(cut)) == list(range(15, 60))
    assert numbers(media, open_clip(cut, start=0.2, duration=0.1)) == [21, 22, 23]


def test_clips_compare_and_hash(media, tmp_path):
    path = media.make_video(tmp_path / "a.mp4", 5)
    assert open_clip(path) == open_clip(path)
    assert len({open_clip(path), open_clip(path), open_clip(path, start=0.1)}) == 2


def test_a_cut_off_file_gives_what_is_there(media, tmp_path, caplog):
    for name in ("a.mp4", "a.mkv"):
        path = media.make_video(
            tmp_path / name, 90, 30, options={"g": "30"}, movflags="faststart" if "mp4" in name else ""
        )
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * 0.6)])
        clip = open_clip(path)
        assert 20 < clip.frame_count < 90
        shown = numbers(media, clip)
        assert len(shown) == clip.frame_count
        assert shown[:-2] == list(range(clip.frame_count - 2))


def test_a_broken_stretch_repeats_its_neighbours(media, tmp_path, caplog):
    path = media.make_video(tmp_path / "a.mkv", 60, 30, options={"g": "10", "bf": "0"})
    with av.open(str(path)) as file:
        sizes = [p.size for p in file.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    at = len(data) * 2 // 5
    data[at : at + 3 * max(sizes)] = bytes(3 * max(sizes))
    path.write_bytes(data)
    clip = open_clip(path)
    assert len(numbers(media, clip)) == clip.frame_count


def write(path, data=b""):
    path.write_bytes(data)
    return path


def test_sentences_for_bad_files(media, tmp_path):
    good = media.make_video(tmp_path / "good.mp4", 216, 30, options={"g": "300"})
    sound = media.make_video(tmp_path / "x.mp4", 2, sound=media.burst(0.1, 0.5))
    with av.open(str(sound)) as given, av.open(str(tmp_path / "sound.m4a"), "w", format="ipod") as out:
        stream = out.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                out.mux(packet)
    cases = {
        tmp_path / "missing.mp4": "does not exist",
        tmp_path: "is a folder",
        write(tmp_path / "empty.mp4"): "empty",
        write(tmp_path / "text.mp4", b"This is no video at all.\n" * 200): "not a video",
        write(tmp_path / "text.txt", b"This is no video at all.\n" * 200): "not a video",
        write(tmp_path / "cut.mp4", good.read_bytes()[:-3000]): "moov atom",
        tmp_path / "sound.m4a": "only sound",
    }
    for path, words in cases.items():
        with pytest.raises(MediaError, match=words) as caught:
            open_clip(path)
        text = str(caught.value)
        assert path.name in text and text.endswith(".") and "\n" not in text and ";" in text

    with pytest.raises(MediaError) as caught:
        open_clip(good, start=12)
    assert str(caught.value) == "start 12 s is beyond the end of good.mp4 (7.2 s); choose a start below 7.2."
    for start, duration, rate in (
        (-1, None, None),
        (0, 0, None),
        (0, -2, None),
        (0, None, -5),
        (float("nan"), 1, None),
    ):
        with pytest.raises(SettingError):
            open_clip(good, start=start, duration=duration, force_rate=rate)


def test_a_picture_is_no_video(tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    with pytest.raises(MediaError, match="picture"):
        open_clip(tmp_path / "a.png")


def test_a_play_list_is_not_followed(media, tmp_path):
    media.make_video(tmp_path / "a.mp4", 3)
    for name, text in (
        ("list.mp4", "ffconcat version 1.0\nfile a.mp4\n"),
        ("list.m3u8", "#EXTM3U\n#EXTINF:1,\na.mp4\n"),
    ):
        with pytest.raises(MediaError):
            open_clip(write(tmp_path / name, text.encode()))
