"""The bind command and animate with what it keeps."""

import json

import pytest
from PIL import Image

from motion_control.cli import main
from motion_control.engine import media
from motion_control.engine.identity import load_identity


@pytest.fixture(scope="module")
def files(portraits, hopper, acting, tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    Image.fromarray(portraits.hopper.numpy()).save(folder / "face.png")
    Image.fromarray(portraits.hopper.flip(1).contiguous().numpy()).save(folder / "mirrored.png")
    frames = acting.render(acting.perform(hopper.neutral, rotation=acting.turn(20 * acting.swell())), hopper)
    with media.VideoWriter(folder / "turn.mp4", 400, 400, 25) as writer:
        writer.write(frames)
    return folder


def run(command, *arguments) -> int:
    return main([command, *map(str, arguments)])


def test_bind_keeps_a_character_that_animate_plays(files, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    given = ("--character", files / "face.png", "--character", files / "mirrored.png")
    assert run("bind", *given, "--name", "hero", "--report", "card.png") == 0
    said = capfd.readouterr().out
    assert "face.png" in said and "angles covered" in said and "hero.safetensors: 2 views" in said
    kept = tmp_path / "output" / "motion_control" / "identities" / "hero.safetensors"
    assert [view.name for view in load_identity(kept).views] == ["face.png", "mirrored.png"]
    with Image.open(tmp_path / "card.png") as card:
        assert card.width == 1280
    film = ("--motion", files / "turn.mp4", "--duration", 0.2, "--max-side", 64)
    for number, identity in enumerate(("hero", kept)):
        output = tmp_path / f"{number}.mp4"
        report = tmp_path / f"{number}.json"
        assert run("animate", "--identity", identity, *film, "--output", output, "--report", report) == 0
        assert media.open_clip(output).frame_count == 5
        assert "same person" in " ".join(json.loads(report.read_text())["character"])


def test_bind_takes_a_video_and_writes_to_a_file(files, tmp_path, capfd):
    output = tmp_path / "a.safetensors"
    assert run("bind", "--video", files / "turn.mp4", "--output", output) == 0
    names = [view.name for view in load_identity(output).views]
    assert len(names) >= 2 and all(name.startswith("turn.mp4 at ") for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


BAD = {
    "nothing": (["--name", "hero"], "neither an image nor a video"),
    "name": (["--character", "face.png", "--name", "../x"], "cannot be the name"),
    "folder": (["--character", "face.png", "--name", "x", "--identities", "none"], "does not exist"),
    "ending": (["--character", "face.png", "--output", "a.pt"], "ending '.pt'"),
    "card": (["--character", "face.png", "--output", "a.safetensors", "--report", "card.pdf"], "ending '.pdf'"),
    "card folder": (["--character", "face.png", "--output", "a.safetensors", "--report", "no/card.png"], "no does not"),
    "image": (["--character", "gone.png", "--output", "a.safetensors"], "gone.png"),
    "video": (["--video", "gone.mp4", "--output", "a.safetensors"], "gone.mp4"),
    "network": (["--character", "face.png", "--output", "a.safetensors", "--recognition", "face.png"], "recognition"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_of_bind_is_one_sentence(files, tmp_path, monkeypatch, capfd, kind):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "face.png").write_bytes((files / "face.png").read_bytes())
    arguments, words = BAD[kind]
    assert run("bind", *arguments) == 2
    (line,) = [one for one in capfd.readouterr().err.split("\n") if one.startswith(("error", "Traceback"))]
    assert words in line and line.endswith(".")
    assert not list(tmp_path.rglob("*.safetensors"))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "neither an image of the character nor a saved identity"),
        (["--identity", "nobody"], "no identity is saved as 'nobody'"),
        (["--identity", "gone.safetensors"], "cannot be read"),
        (["--identity", "bad.safetensors"], "no identity"),
        (["--identity", "../x"], "cannot be the name"),
        (["--identity", "bad.safetensors", "--character", "face.png"], "choose one"),
    ],
)
def test_bad_identities_of_animate_are_one_sentence(files, tmp_path, monkeypatch, capfd, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.safetensors").write_bytes(b"x" * 100)
    assert run("animate", "--motion", files / "turn.mp4", "--output", "a.mp4", *arguments) == 2
    (line,) = [one for one in capfd.readouterr().err.split("\n") if one.startswith(("error", "Traceback"))]
    assert words in line and line.endswith(".")


def test_a_face_is_placed_from_the_command_line(files, tmp_path, hopper, capfd):
    """On bind and animate; with a bound identity, or without an image, the points belong to nothing."""
    found = hopper.view.points[:, :2]
    places = {
        "right_eye": found[[33, 133]].mean(0), "left_eye": found[[263, 362]].mean(0),
        "mouth": found[[61, 291]].mean(0), "chin": found[152],
    }  # fmt: skip
    points = "; ".join(f"{name} {x:.0f},{y:.0f}" for name, (x, y) in places.items())
    output = tmp_path / "a.safetensors"
    given = ("--character", files / "face.png", "--face-points", points)
    assert run("bind", *given, "--output", output) == 0
    assert "PASS face: at the points given" in capfd.readouterr().out
    film = ("--motion", files / "turn.mp4", "--duration", 0.2, "--max-side", 64, "--output", tmp_path / "o.mp4")
    report = tmp_path / "report.json"
    assert run("animate", *given, *film, "--report", report) == 0
    assert "at the points given" in " ".join(json.loads(report.read_text())["character"])
    assert run("inspect", *given) == 0 and "at the points given" in capfd.readouterr().out
    assert run("animate", "--identity", output, "--face-points", points, *film) == 2
    assert "face_points belong to an image" in capfd.readouterr().err
    assert run("bind", "--video", files / "turn.mp4", "--face-points", points, "--output", output) == 2
    assert "face_points belong to an image" in capfd.readouterr().err
