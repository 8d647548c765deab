"""Bad input on the command line: one sentence on standard error, exit status 2, no traceback, no half file."""

import json
import os
import shutil

import av
import numpy as np
import pytest
import torch
from PIL import Image

from motion_control.cli import main
from motion_control.engine import media


@pytest.fixture(scope="module")
def files(portraits, acting, tmp_path_factory):
    """Good and bad files by name, in one folder."""
    folder = tmp_path_factory.mktemp("input")
    faces = torch.stack([acting.moved(portraits.collins, 0, (i, 0)) for i in range(12)])
    acting.write_clip(folder / "good.mp4", faces)
    acting.write_clip(folder / "one frame.mp4", faces[:1])
    acting.write_clip(folder / "nobody.mp4", torch.full((12, 128, 128, 3), 90, dtype=torch.uint8))
    Image.fromarray(portraits.hopper.numpy()).save(folder / "face.png")
    Image.fromarray(portraits.hopper[200:260, 200:260].contiguous().numpy()).save(folder / "tiny.png")
    Image.new("RGB", (300, 300), (90, 90, 90)).save(folder / "wall.png")
    noise = torch.randint(0, 60, faces.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    data = acting.write_clip(folder / "grainy.mp4", faces // 2 + noise).read_bytes()  # all frames are of about one size
    moov = data.index(b"moov") - 4  # the index is in front: without it, with half of the frames, with half of itself
    length = int.from_bytes(data[moov : moov + 4], "big")
    (folder / "no index.mp4").write_bytes(data[:moov] + data[moov + length :])
    (folder / "cut.mp4").write_bytes(data[: moov + length + (len(data) - moov - length) // 2])
    (folder / "stub.mp4").write_bytes(data[: moov + length // 2])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("this is no video")
    (folder / "text.png").write_text("this is no picture")
    picture = (folder / "face.png").read_bytes()
    (folder / "cut.png").write_bytes(picture[: len(picture) // 2])
    write_sound(folder / "sound.mp4")
    write_no_frames(folder / "no frames.mkv")
    return folder


def write_sound(path):
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=44100)
        stream.layout = "mono"
        for at in range(0, 44100, 1024):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.sample_rate, frame.pts = 44100, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def write_no_frames(path):
    """A video stream of no length."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        out.start_encoding()


@pytest.fixture
def command(files, tmp_path, capfd):
    """command(**options): exit status and the lines on standard error; options replace those of a good job."""

    def run(**options):
        chosen = {"motion": "good.mp4", "character": "face.png", "max-side": "96"} | options
        chosen = {name: value for name, value in chosen.items() if value is not None}
        for name in ("motion", "character", "background"):
            if name in chosen:
                chosen[name] = files / chosen[name]
        chosen.setdefault("output", tmp_path / "out.mp4")
        status = main(["animate", *(f"--{name}={value}" for name, value in chosen.items())])
        return status, [line for line in capfd.readouterr().err.split("\n") if line.startswith(("error", "Traceback"))]

    return run


BAD = [
    ({"motion": "text.mp4"}, "text.mp4 is not a video"),
    ({"motion": "face.png"}, "face.png is a picture, not a video"),
    ({"motion": "sound.mp4"}, "sound.mp4 holds only sound"),
    ({"motion": "empty.mp4"}, "empty.mp4 is empty"),
    ({"motion": "no frames.mkv"}, "no frames.mkv"),
    ({"motion": "no index.mp4"}, "no index.mp4 is cut off"),
    ({"motion": "stub.mp4"}, "stub.mp4"),
    ({"motion": "gone.mp4"}, "gone.mp4 does not exist"),
    ({"motion": "."}, "is a folder"),
    ({"motion": "nobody.mp4"}, "No face and no body was found in nobody.mp4"),
    ({"character": "wall.png"}, "No face was found in wall.png"),
    ({"character": "tiny.png"}, "tiny.png is 60x60 px"),
    ({"character": "text.png"}, "text.png is not a picture"),
    ({"character": "cut.png"}, "cut.png is damaged or cut off"),
    ({"character": "gone.png"}, "gone.png does not exist"),
    ({"character": "good.mp4"}, "good.mp4 is not a picture"),
    ({"background": "text.png"}, "text.png is not a picture"),
    ({"start": "99"}, "start 99 s is beyond the end of good.mp4"),
    ({"start": "-1"}, "start is -1 s"),
    ({"start": "nan"}, "start"),
    ({"duration": "0"}, "duration is 0 s"),
    ({"max-side": "2"}, "max_side is 2"),
    ({"expression-strength": "3"}, "expression_strength is 3"),
    ({"mouth-strength": "2.1"}, "mouth_strength is 2.1"),
    ({"brows-strength": "-1"}, "brows_strength is -1"),
    ({"restore": "7"}, "restore is 7"),
]


@pytest.mark.parametrize("options, words", BAD, ids=[f"{key} {value}" for (o, _) in BAD for key, value in o.items()])
def test_one_sentence_and_status_2(command, tmp_path, options, words):
    status, lines = command(**options)
    assert status == 2
    (line,) = lines
    assert words in line and line.endswith(".")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "output, words", [("none/out.mp4", "does not exist"), ("out.avi", "ending '.avi'"), ("folder.mp4", "is a folder")]
)
def test_an_output_that_cannot_be(command, tmp_path, output, words):
    (tmp_path / "folder.mp4").mkdir()
    status, lines = command(output=tmp_path / output)
    assert status == 2 and len(lines) == 1 and words in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_report_that_cannot_be(command, tmp_path):
    status, lines = command(report=tmp_path / "none" / "report.json")
    assert status == 2 and len(lines) == 1 and "none" in lines[0]


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs permissions")
def test_a_folder_that_may_not_be_written(command, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    status, lines = command(output=closed / "out.mp4")
    assert status == 2 and len(lines) == 1


def test_unknown_words_are_explained_by_the_parser(files, capsys):
    complete = ["animate", "--motion", "a", "--character", "b", "--output", "c"]
    for arguments in ([], ["animate"], ["fly"], [*complete, "--fast"], [*complete, "--start", "soon"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2 and "usage:" in capsys.readouterr().err


def test_a_download_that_stopped_is_played_as_far_as_it_goes(command, tmp_path):
    """The index is there, half of the frames are."""
    status, lines = command(motion="cut.mp4")
    assert (status, lines) == (0, [])
    assert 2 <= media.open_clip(tmp_path / "out.mp4").frame_count <= 8


@pytest.mark.parametrize("name, frames", [("one frame.mp4", 1), ("good.mp4", 12)])
def test_one_frame_no_sound_and_a_small_picture_are_fine(command, tmp_path, name, frames):
    status, lines = command(motion=name, report=tmp_path / "report.json")
    assert (status, lines) == (0, [])
    clip = media.open_clip(tmp_path / "out.mp4")
    assert clip.frame_count == frames and clip.audio is None and clip.width == 96
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["frames"] == frames and report["sound"] is False and report["size"] == "96x96"
    assert any("WARN size: 400x400" in line for line in report["character"])
    assert {"output", "frame_rate", "seconds", "stages", "reference", "face_visible", "shot"} <= set(report)


def test_the_best_character_of_several_is_played(files, tmp_path, capfd):
    arguments = ["animate", "--motion", files / "one frame.mp4", "--output", tmp_path / "out.mp4", "--max-side", "64"]
    for name in ("wall.png", "face.png"):
        arguments += ["--character", files / name]
    assert main([*map(str, arguments), "--report", str(tmp_path / "report.json")]) == 0
    lines = json.loads((tmp_path / "report.json").read_text())["character"]
    assert any("face.png (rendered)" in line for line in lines)
    assert "wall.png: left out, no face was found" in lines


def test_inspect_prints_the_checks(files, capfd):
    assert main(["inspect", "--character", str(files / "face.png")]) == 0
    assert "WARN size: 400x400" in capfd.readouterr().out
    assert main(["inspect", "--motion", str(files / "good.mp4")]) == 0
    assert "PASS face visible: 100%" in capfd.readouterr().out
    for source, name in (("--character", "wall.png"), ("--motion", "nobody.mp4"), ("--motion", "text.mp4")):
        assert main(["inspect", source, str(files / name)]) == 2
        said = capfd.readouterr()
        assert f"error: {'No face' if 'text' not in name else name}" in said.err and said.out == ""


def test_names_of_files_may_be_anything(files, tmp_path, capfd):
    folder = tmp_path / "Übung #1 100%"
    folder.mkdir()
    motion = shutil.copy(files / "one frame.mp4", folder / "vidéo 'quoted' %d.mp4")
    character = shutil.copy(files / "face.png", folder / "-face.png")
    output = folder / "out: 愛.mkv" if os.name != "nt" else folder / "愛.mkv"
    arguments = [f"--motion={motion}", f"--character={character}", f"--output={output}", "--max-side=64"]
    assert main(["animate", *arguments]) == 0
    assert media.open_clip(output).frame_count == 1
