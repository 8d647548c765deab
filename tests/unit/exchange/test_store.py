"""Tracks as files: nothing is lost, a minute is small, and a file that somebody made up is refused in one sentence."""

import json
from dataclasses import fields, replace
from fractions import Fraction

import pytest
import torch
from safetensors.torch import load, save

from motion_control.engine.errors import MediaError
from motion_control.engine.exchange import load_track, save_track
from motion_control.engine.tracks import blank_track
from motion_control.engine.types import Check, MotionTrack


def test_everything_comes_back(performed, tmp_path):
    save_track(performed, tmp_path / "a.safetensors")
    again = load_track(tmp_path / "a.safetensors")
    for field in fields(MotionTrack):
        before, after = getattr(performed, field.name), getattr(again, field.name)
        if field.name == "face_points":
            assert float((before - after).abs().max()) < 2e-4  # px, of a face of 130 px
        elif isinstance(before, torch.Tensor):
            assert before.dtype == after.dtype and torch.equal(before, after), field.name
        else:
            assert before == after, field.name
    assert [one.name for one in tmp_path.iterdir()] == ["a.safetensors"]


def test_a_minute_is_below_ten_megabytes_and_large_faces_stay_exact(tmp_path):
    count = 1800
    track = blank_track(torch.arange(count).double() / 30, Fraction(30), 3840, 2160)
    noise = torch.randn(track.face_points.shape, generator=torch.Generator().manual_seed(0))
    names = tuple(f"name{i}" for i in range(52))
    track = replace(
        track, face_points=track.face_points + noise, expression=torch.rand(count, 52), expression_names=names
    )
    save_track(track, tmp_path / "minute.safetensors")
    assert (tmp_path / "minute.safetensors").stat().st_size < 10e6
    error = (load_track(tmp_path / "minute.safetensors").face_points - track.face_points).abs()
    spread = 2 * float(noise.abs().max())
    assert float(error.max()) < spread / 131_000 + 2.5e-4  # and the rounding of float32 at 2,000 px


def test_a_loaded_track_renders_the_same_frames(hopper, acting, tmp_path):
    from motion_control.engine.geometry.pose import canonical_face

    face = acting.lips_shut(canonical_face())
    swell = acting.swell()
    delta = acting.jaw_open(face, 1.5 * swell) + acting.lids_closed(face, swell)
    track = acting.perform(face, delta, acting.turn(12 * swell, 4 * swell))
    save_track(track, tmp_path / "a.safetensors")
    frames = acting.render(track, hopper, max_side=200)
    again = acting.render(load_track(tmp_path / "a.safetensors"), hopper, max_side=200)
    assert int((frames.int() - again.int()).abs().max()) <= 1
    assert int((frames[0].int() - frames[acting.held].int()).abs().max()) > 40


def test_verdicts_are_kept_as_text(performed, tmp_path):
    track = replace(performed, report={"checks": [Check("face", "pass", "1", "1")], "rate": Fraction(1, 2)})
    save_track(track, tmp_path / "a.safetensors")
    assert load_track(tmp_path / "a.safetensors").report == {"checks": ["PASS face: 1 (wanted 1)"], "rate": "1/2"}


@pytest.fixture(scope="module")
def good(performed, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "a.safetensors"
    save_track(performed, path)
    return path.read_bytes()


def rewritten(data: bytes, facts: dict | None = None, **tensors) -> bytes:
    """The file with other facts and tensors; None takes one away."""
    length = int.from_bytes(data[:8], "little")
    known = json.loads(data[8 : 8 + length])["__metadata__"] | (facts or {})
    values = load(data) | tensors
    return save(
        {name: value for name, value in values.items() if value is not None},
        {name: value for name, value in known.items() if value is not None},
    )


def with_head(data: bytes, change) -> bytes:
    """The file with a head that `change` edited in place, whatever follows."""
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    change(head)
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def poisoned(good: bytes, name: str, value: float) -> bytes:
    tensor = load(good)[name].clone()
    tensor.view(-1)[0] = value
    return rewritten(good, **{name: tensor})


def test_a_track_of_the_first_version_has_neither_measured_quality_nor_relief(good, tmp_path):
    path = tmp_path / "old.safetensors"
    path.write_bytes(rewritten(good, {"version": "1"}, quality=None, relief=None, relief_basis=None))
    old = load_track(path)
    assert torch.equal(old.quality, torch.ones(80, 2))
    assert not old.relief.any() and not old.relief_basis.any()


HOSTILE = {
    "empty": lambda good: b"",
    "short": lambda good: good[:5],
    "head larger than the file": lambda good: (2**62).to_bytes(8, "little") + good[8:],
    "head of 100 MB": lambda good: (10**8).to_bytes(8, "little") + good[8:],
    "no head": lambda good: bytes(8) + good[8:],
    "no JSON": lambda good: good[:8] + b"\xff" * 64 + good[72:],
    "deep JSON": lambda good: (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "a list": lambda good: (2).to_bytes(8, "little") + b"[]",
    "cut": lambda good: good[:-1000],
    "longer": lambda good: good + b"0",
    "another format": lambda good: rewritten(good, {"format": "pt"}),
    "no facts": lambda good: save(load(good)),
    "newer": lambda good: rewritten(good, {"version": "3"}),
    "no rate": lambda good: rewritten(good, {"frame_rate": None}),
    "rate of zero": lambda good: rewritten(good, {"frame_rate": "1/0"}),
    "rate with a power": lambda good: rewritten(good, {"frame_rate": "1e999999999"}),
    "negative width": lambda good: rewritten(good, {"width": "-4"}),
    "anchor behind the end": lambda good: rewritten(good, {"anchor": "80"}),
    "cut at 0": lambda good: rewritten(good, {"cuts": "[0]"}),
    "falling cuts": lambda good: rewritten(good, {"cuts": "[5, 4]"}),
    "names": lambda good: rewritten(good, {"expression_names": '["a"]'}),
    "report": lambda good: rewritten(good, {"report": "[" * 100_000}),
    "part missing": lambda good: rewritten(good, gaze=None),
    "part unknown": lambda good: rewritten(good, code=torch.zeros(1)),
    "shape": lambda good: rewritten(good, gaze=torch.zeros(79, 2, 2)),
    "type": lambda good: rewritten(good, gaze=torch.zeros(80, 2, 2, dtype=torch.float64)),
    "no frames": lambda good: rewritten(good, times=torch.zeros(0, dtype=torch.float64)),
    "a billion frames": lambda good: with_head(good, lambda head: head["times"].update(shape=[10**9])),
    "text as shape": lambda good: with_head(good, lambda head: head["times"].update(shape="80")),
    "overlap": lambda good: with_head(good, lambda head: head["gaze"].update(data_offsets=[0, 1280])),
    "text as offset": lambda good: with_head(good, lambda head: head["gaze"].update(data_offsets=["0", 1280])),
    "entry is no entry": lambda good: with_head(good, lambda head: head.update(gaze=3)),
    "nan": lambda good: poisoned(good, "body", float("nan")),
    "infinite": lambda good: poisoned(good, "face_centre", float("inf")),
    "huge": lambda good: poisoned(good, "translation", 1e30),
    "confidence": lambda good: poisoned(good, "face_confidence", 7.0),
    "rotation": lambda good: poisoned(good, "rotation", 3.0),
    "scale": lambda good: poisoned(good, "scale", 0.0),
    "times": lambda good: poisoned(good, "times", 5.0),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_made_up_file_is_refused_in_one_sentence(good, tmp_path, kind):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(HOSTILE[kind](good))
    with pytest.raises(MediaError) as problem:
        load_track(path)
    text = str(problem.value)
    assert text.startswith("bad.safetensors") and text.endswith(".") and "\n" not in text and len(text) < 220


def test_the_size_is_known_from_the_head(good, tmp_path, monkeypatch):
    """A file that promises more than it holds is refused before its values are read."""
    path = tmp_path / "bad.safetensors"
    path.write_bytes(good[:-1])
    monkeypatch.setattr("safetensors.torch.load", None)
    with pytest.raises(MediaError, match="damaged"):
        load_track(path)


def test_a_missing_file_and_a_bad_target(performed, tmp_path):
    with pytest.raises(MediaError, match="cannot be read"):
        load_track(tmp_path / "none.safetensors")
    for target in (tmp_path / "a.pt", tmp_path / "none" / "a.safetensors"):
        with pytest.raises(MediaError):
            save_track(performed, target)
    broken = replace(performed, scale=performed.scale * float("nan"))
    with pytest.raises(MediaError, match="scale"):
        save_track(broken, tmp_path / "a.safetensors")
    assert list(tmp_path.iterdir()) == []
