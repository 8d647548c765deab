"""Identities as files: nothing is lost, new fields need no code, and a file that somebody made up is refused."""

import io
import json
import zlib
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction

import pytest
import torch
from PIL import Image
from safetensors.torch import load, save

from motion_control.engine.errors import IdentityError, MediaError
from motion_control.engine.exchange import save_track
from motion_control.engine.identity import content, identity_file, load_identity, save_identity, saved_identities
from motion_control.engine.tracks import blank_track
from motion_control.engine.types import Check, Identity, View


def assert_same(before, after, place=""):
    if is_dataclass(before):
        assert type(before) is type(after), place
        for one in fields(before):
            assert_same(getattr(before, one.name), getattr(after, one.name), f"{place}.{one.name}")
    elif isinstance(before, torch.Tensor):
        assert before.dtype == after.dtype and torch.equal(before, after), place
    elif isinstance(before, (tuple, list)):
        assert type(before) is type(after) and len(before) == len(after), place
        for number, pair in enumerate(zip(before, after)):
            assert_same(*pair, f"{place}.{number}")
    elif isinstance(before, dict):
        assert list(before) == list(after), place
        for name, value in before.items():
            assert_same(value, after[name], f"{place}.{name}")
    else:
        assert before == after, place


def test_everything_comes_back_bit_by_bit(hopper, collins, tmp_path):
    both = replace(hopper, views=(hopper.view, collins.view), primary=1)
    assert both.views[0].checks and both.views[0].body is not None
    save_identity(both, tmp_path / "hero.safetensors")
    assert_same(both, load_identity(tmp_path / "hero.safetensors"))
    assert [one.name for one in tmp_path.iterdir()] == ["hero.safetensors"]


def test_a_file_is_much_smaller_than_its_tensors(hopper, tmp_path):
    save_identity(hopper, tmp_path / "a.safetensors")
    plain = hopper.view.image.numel() + 4 * hopper.view.matte.numel()
    plain += hopper.atlas.numel() + hopper.atlas_confidence.numel()
    assert (tmp_path / "a.safetensors").stat().st_size < 0.6 * plain


def test_a_loaded_identity_renders_the_same_frames(hopper, acting, tmp_path):
    save_identity(hopper, tmp_path / "a.safetensors")
    track = acting.perform(hopper.neutral, rotation=acting.turn(12 * acting.swell()))
    frames = acting.render(track, hopper, max_side=128)
    assert torch.equal(frames, acting.render(track, load_identity(tmp_path / "a.safetensors"), max_side=128))


def test_a_file_from_before_the_atlas_is_still_read(good, tmp_path):
    def without(inside):
        del inside["atlas"], inside["atlas_confidence"]

    (tmp_path / "old.safetensors").write_bytes(rewritten(good, change=without))
    found = load_identity(tmp_path / "old.safetensors")
    assert found.atlas is None and found.atlas_confidence is None and found.view.name == "a"


@dataclass(frozen=True)
class Inner:
    names: tuple[str, ...]
    size: tuple[int, float]
    rate: Fraction
    flag: bool
    layers: dict[str, torch.Tensor]
    missing: torch.Tensor | None = None


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[Inner, ...]
    picture: torch.Tensor
    report: dict = field(default_factory=dict)


@pytest.fixture
def outer(monkeypatch):
    """A dataclass with everything that a field may be, known like those of engine.types."""
    from motion_control.engine import types

    for one in (Inner, Outer):
        monkeypatch.setattr(types, one.__name__, one, raising=False)
        monkeypatch.setitem(content._CLASSES, one.__name__, one)
    layers = {
        "empty": torch.zeros(0, 3), "flags": torch.tensor([True, False]), "half": torch.rand(3).half(),
        "big": torch.zeros(300, 300), "scalar": torch.tensor(3),
    }  # fmt: skip
    inner = Inner(("a", "b"), (2, 0.5), Fraction(30000, 1001), True, layers)
    report = {"checks": [Check("a", "pass", "1", "1")], "values": torch.arange(3), "note": None, "n": [1, {"x": 2.5}]}
    return Outer(inner, (inner, replace(inner, missing=torch.ones(2))), torch.arange(60).view(4, 5, 3).byte(), report)


def test_fields_of_every_kind_are_kept(outer):
    plain, arrays = content.pack(outer)
    again = content.unpack(json.loads(json.dumps(plain)), arrays, Outer)
    assert_same(outer, replace(again, report=outer.report))
    assert again.report["checks"] == outer.report["checks"] and again.report["n"] == [1, {"x": 2.5}]
    assert torch.equal(again.report["values"], torch.arange(3)) and again.report["note"] is None
    assert arrays["picture"].startswith(b"\x89PNG") and len(arrays["inner.layers.big"]) < 1000


def test_an_older_file_gets_the_default_of_a_new_field_and_a_newer_field_is_refused(outer):
    plain, arrays = content.pack(outer)
    del plain["inner"]["missing"]
    assert content.unpack(plain, arrays, Outer).inner.missing is None
    plain["inner"]["later"] = 1
    with pytest.raises(content.ContentError, match=r"Outer\.inner\.later that this version of the pack does not know"):
        content.unpack(plain, arrays, Outer)
    del plain["inner"]["later"], plain["inner"]["rate"]
    with pytest.raises(content.ContentError, match=r"lacks its part Outer\.inner\.rate"):
        content.unpack(plain, arrays, Outer)


# Files from anywhere


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 255, (70, 90, 3), generator=generator, dtype=torch.uint8)
    view = View("a", image, torch.rand(478, 3, generator=generator), torch.zeros(70, 90), torch.rand(33, 5))
    path = tmp_path_factory.mktemp("good") / "a.safetensors"
    shapes = torch.rand(2, 478, 3, generator=generator)
    colour, confidence = torch.zeros(1024, 1024, 3).byte(), torch.full((1024, 1024), 9).byte()
    save_identity(Identity((view,), 0, *shapes, {}, colour, confidence), path)
    return path.read_bytes()


def rewritten(data: bytes, facts=None, change=lambda content: None, **arrays) -> bytes:
    """The file with other facts, a content that `change` edited in place, and other arrays."""
    length = int.from_bytes(data[:8], "little")
    known = json.loads(data[8 : 8 + length])["__metadata__"]
    inside = json.loads(known["content"])
    change(inside)
    known = known | {"content": json.dumps(inside)} | (facts or {})
    changed = {name: torch.tensor(list(value), dtype=torch.uint8) for name, value in arrays.items()}
    tensors = load(data) | changed
    return save(tensors, {name: value for name, value in known.items() if value is not None})


def view_of(**values):
    return lambda inside: inside["views"][0].update(values)


def entry_of(part, **values):
    return lambda inside: inside["views"][0][part].update(values)


def png(size, mode="RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


def floats(*values) -> bytes:
    return torch.tensor(values).numpy().tobytes()


def with_facts(data: bytes, **facts) -> bytes:
    """The file with facts of any kind, whatever the library thinks of them."""
    length = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + length])
    head["__metadata__"] |= facts
    text = json.dumps(head).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


HOSTILE = {
    "content is a number": lambda good: with_facts(good, content=3),
    "content is no text": lambda good: with_facts(good, content={"": "Identity"}),
    "format is a list": lambda good: with_facts(good, format=[1]),
    "empty": lambda good: b"",
    "short": lambda good: good[:5],
    "head larger than the file": lambda good: (2**62).to_bytes(8, "little") + good[8:],
    "no JSON": lambda good: good[:8] + b"\xff" * 64 + good[72:],
    "deep JSON": lambda good: (200_000).to_bytes(8, "little") + b"[" * 200_000,
    "cut": lambda good: good[:-1000],
    "longer": lambda good: good + b"0",
    "another format": lambda good: rewritten(good, {"format": "pt"}),
    "no facts": lambda good: save(load(good)),
    "newer": lambda good: rewritten(good, {"version": "2"}),
    "no content": lambda good: rewritten(good, {"content": None}),
    "content is a list": lambda good: rewritten(good, {"content": "[]"}),
    "content is deep": lambda good: rewritten(good, {"content": '{"views": ' + "[" * 90_000 + "]" * 90_000 + "}"}),
    "another class": lambda good: rewritten(good, change=lambda inside: inside.update({"": "Clip"})),
    "no views": lambda good: rewritten(good, change=lambda inside: inside.update(views=[])),
    "primary behind the end": lambda good: rewritten(good, change=lambda inside: inside.update(primary=1)),
    "primary is a word": lambda good: rewritten(good, change=lambda inside: inside.update(primary="0")),
    "views is a number": lambda good: rewritten(good, change=lambda inside: inside.update(views=3)),
    "unknown field": lambda good: rewritten(good, change=view_of(later=1)),
    "image is a word": lambda good: rewritten(good, change=view_of(image="x")),
    "name is a number": lambda good: rewritten(good, change=view_of(name=3)),
    "image of another size": lambda good: rewritten(good, **{"views.0.image": png((4, 4))}),
    "image in grey": lambda good: rewritten(good, **{"views.0.image": png((90, 70), "L")}),
    "image is no PNG": lambda good: rewritten(good, **{"views.0.image": b"GIF89a" + bytes(99)}),
    "image is a cut PNG": lambda good: rewritten(good, **{"views.0.image": png((90, 70))[:-30]}),
    "image without pixels": lambda good: rewritten(good, change=entry_of("image", shape=[0, 90, 3])),
    "endless shape": lambda good: rewritten(good, change=entry_of("matte", shape=[2**30, 2**30])),
    "negative shape": lambda good: rewritten(good, change=entry_of("matte", shape=[-70, -90])),
    "unknown type": lambda good: rewritten(good, change=entry_of("matte", type="C64")),
    "unknown packing": lambda good: rewritten(good, change=entry_of("matte", packing="bz2")),
    "missing array": lambda good: rewritten(good, change=entry_of("matte", tensor="x")),
    "matte of another size": lambda good: rewritten(good, change=entry_of("matte", shape=[90, 70])),
    "inflates too far": lambda good: rewritten(good, **{"views.0.matte": zlib.compress(bytes(2**22))}),
    "nan": lambda good: rewritten(good, neutral=floats(*[float("nan")] * 478 * 3)),
    "far away": lambda good: rewritten(good, neutral=floats(*[1e30] * 478 * 3)),
    "small atlas": lambda good: rewritten(good, change=lambda inside: inside["atlas"].update(shape=[512, 2048, 3])),
    "atlas without confidence": lambda good: rewritten(
        good, change=lambda inside: inside.update(atlas_confidence=None)
    ),
    "few points": lambda good: rewritten(good, change=entry_of("points", shape=[239, 6])),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_made_up_file_is_refused_in_one_sentence(good, tmp_path, kind):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(HOSTILE[kind](good))
    with pytest.raises(MediaError) as problem:
        load_identity(path)
    text = str(problem.value)
    assert text.startswith("bad.safetensors") and text.endswith(".") and len(text) < 320 and "\n" not in text


def test_a_newer_version_says_to_update(good, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(rewritten(good, {"version": "2"}))
    with pytest.raises(MediaError, match=r"version '2' and this pack reads version 1; update the pack"):
        load_identity(tmp_path / "a.safetensors")


def test_memory_is_not_spent_on_a_promise(good, tmp_path):
    (tmp_path / "a.safetensors").write_bytes(rewritten(good, change=entry_of("matte", shape=[2**15, 2**15])))
    with pytest.raises(MediaError, match=r"4\.0 GB where 2"):
        load_identity(tmp_path / "a.safetensors")


def test_a_file_too_large_to_be_one_is_not_read(tmp_path):
    with open(tmp_path / "a.safetensors", "wb") as file:
        file.truncate(3 * 2**30)  # a hole: no bytes on the disk
    with pytest.raises(MediaError, match=r"3\.0 GB and is no identity"):
        load_identity(tmp_path / "a.safetensors")


# Names


def test_identities_are_found_by_name(good, tmp_path):
    for name in ("hero", "Anna 2"):
        identity_file(name, tmp_path).write_bytes(good)
    (tmp_path / "broken.safetensors").write_bytes(b"1")
    (tmp_path / ".part.safetensors").write_bytes(good)
    save_track(blank_track(torch.arange(2).double(), Fraction(25), 64, 48), tmp_path / "track.safetensors")
    assert saved_identities(tmp_path) == ["Anna 2", "hero"]
    assert saved_identities(tmp_path / "none") == []
    assert load_identity(identity_file("hero", tmp_path)).view.name == "a"


BAD_NAMES = ("", " ", "../x", "a/b", "a\\b", "C:x", ".hidden", "nul", "COM1.x", "x" * 64, "a\0", "a\nb")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_is_no_path(name, tmp_path):
    with pytest.raises(IdentityError, match=r"cannot be the name of an identity; .*\.$"):
        identity_file(name, tmp_path)


def test_names_are_in_any_script(tmp_path):
    for name in ("hero", "Zoë B", "主人公", "a-b_1"):
        assert identity_file(name, tmp_path).parent == tmp_path
    assert identity_file("hero.safetensors", tmp_path).name == "hero.safetensors"
