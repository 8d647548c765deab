"""bench capture, and the best part of a reference from the command line."""

import json
import sys
import time
import types

import pytest

from motion_control.cli import main
from motion_control.engine import media

STAGES = ("face detection", "face landmarks", "body landmarks", "hand landmarks", "face, one", "body,", "hands,")


def test_bench_prints_every_stage(acting, portraits, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    clip = acting.write_clip(tmp_path / "still.mp4", portraits.hopper.expand(8, -1, -1, -1))
    assert main(["bench", "capture", "--motion", str(clip)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for stage in ("decode", *STAGES, "all, every frame", "capture as it is"):
        (first, *_) = [line for line in lines if line.startswith(stage)]
        milliseconds, rate = float(first.split(" ms a frame")[0].split()[-1]), float(first.split()[-4])
        assert milliseconds * rate == pytest.approx(1000, rel=0.1)
    assert any("mediapipe is not installed" in line for line in lines)
    assert all(line.split()[2].isdigit() for line in lines if line.startswith("peak memory"))


def test_bench_compares_with_the_package_when_it_is_there(acting, portraits, tmp_path, capsys, monkeypatch):
    class Slow:
        """A tracker that takes 20 ms a picture."""

        def __init__(self, **_):
            self.process = lambda picture: time.sleep(0.02)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    package = types.ModuleType("mediapipe")
    kit = {"face_mesh": types.SimpleNamespace(FaceMesh=Slow), "holistic": types.SimpleNamespace(Holistic=Slow)}
    package.solutions = types.SimpleNamespace(**kit)
    monkeypatch.setitem(sys.modules, "mediapipe", package)
    clip = acting.write_clip(tmp_path / "still.mp4", portraits.hopper.expand(8, -1, -1, -1))
    assert main(["bench", "capture", "--motion", str(clip)]) == 0
    lines = capsys.readouterr().out.splitlines()
    own = {line[:24].strip(): float(line.split("ms a frame")[0].split()[-1]) for line in lines if "ms a frame" in line}
    assert 20 <= own["holistic"] < 60 and 20 <= own["face mesh"] < 60
    (ratio,) = [float(line.split(":")[1].split()[0]) for line in lines if "builtin capture as it is" in line]
    assert ratio == pytest.approx(own["capture as it is"] / own["holistic"], abs=0.02)


def test_the_best_part_is_animated_with_its_own_sound_and_reason(sample_media, tmp_path):
    output, report = tmp_path / "part.mp4", tmp_path / "part.json"
    arguments = ["--motion", sample_media / "performance.mp4", "--character", sample_media / "hopper.png"]
    arguments += ["--output", output, "--report", report, "--start", 5.5, "--duration", 0.8, "--segment", "auto"]
    assert main(["animate", *map(str, arguments), "--max-side", "256"]) == 0
    made, said = media.open_clip(output), json.loads(report.read_text())
    assert made.frame_count == 24 == said["frames"] and made.audio is not None
    assert " to " in said["segment"] and "the face is seen in 100%" in said["segment"]


def test_a_best_part_needs_a_length(sample_media, tmp_path, capsys):
    arguments = ["--motion", sample_media / "performance.mp4", "--character", sample_media / "hopper.png"]
    arguments += ["--output", tmp_path / "part.mp4", "--segment", "auto"]
    assert main(["animate", *map(str, arguments)]) == 2
    assert "segment auto needs a duration" in capsys.readouterr().err
