"""The demo command: which files it uses, what it says, what it makes only once."""

import argparse
from pathlib import Path

import pytest

from motion_control.cli import demo
from motion_control.engine.errors import MediaError

SECONDS = 0.1


def options(tmp_path, **given) -> argparse.Namespace:
    values = {"motion": None, "character": None, "output": tmp_path / "output" / "demo.mp4", "sheet": None}
    return argparse.Namespace(**{**values, "sample_only": None, **given})


class Pipeline:
    """Stands for the command `animate`; keeps what it was called with."""

    def __init__(self, status: int = 0):
        self.calls, self.status = [], status

    def __call__(self, options) -> int:
        self.calls.append(options)
        return self.status


def test_sample_only_writes_valid_files(tmp_path, capsys):
    assert demo.run_demo(options(tmp_path, sample_only=tmp_path / "made" / "here"), None, SECONDS) == 0
    files = [Path(line) for line in capsys.readouterr().out.split()]
    assert [path.name for path in files] == ["performance.mp4", "portrait.png", "hopper.png"]
    assert all(path.stat().st_size > 1000 for path in files)


def test_without_files_the_sample_drives_the_second_portrait_and_is_reused(tmp_path, capsys):
    pipeline = Pipeline()
    assert demo.run_demo(options(tmp_path), pipeline, SECONDS) == 0
    (used,) = pipeline.calls
    folder = tmp_path / "output" / "sample"
    assert used.motion == folder / "performance.mp4" and used.character == [folder / "hopper.png"]
    assert used.sheet == tmp_path / "output" / "demo.png"
    said = capsys.readouterr().out
    assert str(tmp_path / "output" / "demo.mp4") in said and str(used.sheet) in said and " s\n" in said
    made = used.motion.stat().st_mtime_ns
    assert demo.run_demo(options(tmp_path), pipeline, SECONDS) == 0
    assert used.motion.stat().st_mtime_ns == made


def test_own_files_need_no_sample(tmp_path):
    pipeline, own = Pipeline(), {"motion": Path("me.mp4"), "character": [Path("a.png"), Path("b.png")]}
    assert demo.run_demo(options(tmp_path, sheet=Path("my.png"), **own), pipeline) == 0
    (used,) = pipeline.calls
    assert used.motion == own["motion"] and used.character == own["character"] and used.sheet == Path("my.png")
    assert list((tmp_path / "output").iterdir()) == []


def test_a_failure_is_passed_on(tmp_path, capsys):
    own = {"motion": Path("me.mp4"), "character": [Path("a.png")]}
    assert demo.run_demo(options(tmp_path, **own), Pipeline(2)) == 2
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "output").write_text("a file")
    with pytest.raises(MediaError, match="output"):
        demo.run_demo(options(tmp_path), Pipeline(), SECONDS)
