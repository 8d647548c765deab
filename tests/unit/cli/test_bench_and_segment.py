"""bench capture, and the best part of a reference from the command line."""

import json

from motion_control.cli import main
from motion_control.engine import media


def test_bench_prints_every_stage(acting, portraits, tmp_path, capsys):
    clip = acting.write_clip(tmp_path / "still.mp4", portraits.hopper.expand(8, -1, -1, -1))
    assert main(["bench", "capture", "--motion", str(clip)]) == 0
    lines = capsys.readouterr().out.splitlines()
    for stage in ("decode", "face detection", "face landmarks", "body landmarks", "hand landmarks"):
        (first, *_) = [line for line in lines if line.startswith(stage)]
        assert first.endswith("ms a frame") and float(first.split()[-4]) > 0
    assert any("mediapipe" in line for line in lines)


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
