"""capture writes a track and animate plays it, with the reference's sound or without."""

import json
import sys

import pytest
import torch

from motion_control.cli import main
from motion_control.cli.capture import STYLES
from motion_control.engine import media
from motion_control.engine.exchange import load_track
from motion_control.engine.record import SKELETON_STYLES


@pytest.fixture(scope="module")
def files(portraits, collins, acting, tmp_path_factory):
    """talk.mp4: 22 frames of a face that talks, with a tone; face.png: another face."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("capture")
    face = acting.lips_shut(collins.neutral)
    frames = acting.render(acting.perform(face, acting.jaw_open(face, 1.4 * acting.swell())), collins)
    tone = 0.4 * torch.sin(torch.arange(44100) * 0.1).expand(2, -1)
    acting.write_clip(folder / "talk.mp4", frames, audio=(tone, 44100))
    Image.fromarray(portraits.hopper.numpy()).save(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def captured(files):
    return files, main([
        "capture", f"--motion={files / 'talk.mp4'}", f"--output={files / 'talk.safetensors'}", "--smoothing=0.3",
        f"--skeleton={files / 'bones.mp4'}", "--skeleton-style=openpose", f"--keypoints={files / 'points.json'}",
    ])  # fmt: skip


def run(files, **options) -> int:
    chosen = {"character": files / "face.png", "max-side": "96"} | options
    return main(["animate", *(f"--{name}={value}" for name, value in chosen.items())])


def test_styles_are_the_engine_s():
    assert STYLES == SKELETON_STYLES


def test_a_video_becomes_a_track_a_skeleton_and_key_points(captured):
    files, status = captured
    track, clip = load_track(files / "talk.safetensors"), media.open_clip(files / "talk.mp4")
    assert status == 0 and len(track) == clip.frame_count == 22
    assert (track.width, track.height, track.frame_rate) == (clip.width, clip.height, clip.frame_rate)
    jaw = track.expression[:, track.expression_names.index("jawOpen")]
    assert float(jaw[11]) > 0.2 > float(jaw[0]) + 0.1
    bones = media.open_clip(files / "bones.mp4")
    assert bones.frame_count == 22 and (bones.width, bones.height) == (clip.width // 2 * 2, clip.height // 2 * 2)
    frames = json.loads((files / "points.json").read_text())
    assert len(frames) == 22 and len(frames[0]["people"][0]["face_keypoints_2d"]) == 210


def test_a_track_is_played_like_its_video(captured, tmp_path, acting):
    files, _ = captured
    main(["capture", f"--motion={files / 'talk.mp4'}", f"--output={tmp_path / 'usual.safetensors'}"])
    assert run(files, track=tmp_path / "usual.safetensors", output=tmp_path / "track.mp4") == 0
    assert run(files, motion=files / "talk.mp4", output=tmp_path / "video.mp4") == 0
    pictures = [
        next(media.iterate(media.open_clip(tmp_path / name), batch=22)).frames for name in ("track.mp4", "video.mp4")
    ]
    assert float((pictures[0].float() - pictures[1].float()).abs().mean()) < 0.5


def test_sound_comes_with_the_motion_reference_only(captured, tmp_path):
    files, _ = captured
    track = files / "talk.safetensors"
    assert run(files, track=track, output=tmp_path / "a.mp4", sheet=tmp_path / "a.png") == 0
    clip = media.open_clip(tmp_path / "a.mp4")
    assert clip.audio is None and clip.frame_count == 22 and (tmp_path / "a.png").is_file()
    assert run(files, track=track, motion=files / "talk.mp4", output=tmp_path / "b.mp4") == 0
    assert media.open_clip(tmp_path / "b.mp4").audio is not None


@pytest.mark.parametrize(
    "command, options, words",
    [
        ("capture", {"output": "a.pt"}, "ending '.pt'"),
        ("capture", {"output": "none/a.safetensors"}, "does not exist"),
        ("capture", {"smoothing": "2"}, "smoothing is 2"),
        ("capture", {"smoothing": "nan"}, "smoothing"),
        ("capture", {"skeleton": "bones.avi"}, "ending '.avi'"),
        ("capture", {"keypoints": "points.txt"}, ".json"),
        ("capture", {"motion": "gone.mp4"}, "does not exist"),
        ("capture", {"tracker-models": "."}, "add --tracker mediapipe"),
        ("capture", {"tracker": "mediapipe", "tracker-models": "gone"}, "not a folder"),
        ("animate", {"track": "bad.safetensors", "tracker": "mediapipe"}, "a track is played"),
        ("animate", {}, "neither"),
        ("animate", {"track": "gone.safetensors"}, "cannot be read"),
        ("animate", {"track": "bad.safetensors"}, "no motion track"),
        ("animate", {"track": "bad.safetensors", "start": "1"}, "start"),
    ],
)
def test_bad_input_is_one_sentence(files, tmp_path, capfd, command, options, words):
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 100)
    paths = ("output", "skeleton", "keypoints", "motion", "track")
    options = {name: tmp_path / value if name in paths else value for name, value in options.items()}
    if command == "capture":
        options = {"motion": files / "talk.mp4", "output": tmp_path / "a.safetensors"} | options
    else:
        options = {"character": files / "face.png", "output": tmp_path / "a.mp4"} | options
    assert main([command, *(f"--{name}={value}" for name, value in options.items())]) == 2
    (line,) = [one for one in capfd.readouterr().err.split("\n") if one.startswith(("error", "Traceback"))]
    assert words in line and line.endswith(".")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.safetensors"]


def test_a_missing_package_is_said_before_anything_is_read(files, tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    output = tmp_path / "a.safetensors"
    assert main(["capture", f"--motion={files / 'talk.mp4'}", f"--output={output}", "--tracker=mediapipe"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: tracker is mediapipe and the package mediapipe is not installed") and line[-1] == "."
    assert not output.exists()
