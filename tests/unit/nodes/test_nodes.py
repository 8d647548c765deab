import asyncio
import contextlib
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from motion_control.engine.errors import MotionControlError, SettingError
from motion_control.engine.types import Check

NODES = ["LoadMotionRef", "ExtractPose", "BindIdentity", "MotionSampler", "RestoreFace", "VideoCombine"]
HELPERS = ["SaveIdentity", "LoadIdentity", "SaveMotionTrack", "LoadMotionTrack", "FaceCrops", "SubjectMask"]


@pytest.fixture
def nodes(comfy):
    import motion_control.nodes as nodes

    return nodes


def test_the_extension_offers_the_six_nodes_and_their_helpers(nodes):
    offered = asyncio.run(nodes.MotionControlExtension().get_node_list())
    assert [node.define_schema().node_id for node in offered] == NODES + HELPERS


@pytest.mark.parametrize("name", NODES + HELPERS)
def test_schema_is_complete_and_ids_are_unique(nodes, root, name):
    schema = getattr(nodes, name).define_schema()
    assert schema.category == "Motion Control" and schema.description
    assert all(socket.tooltip and len(socket.tooltip) > 15 for socket in [*schema.inputs, *schema.outputs])
    # An output id that repeats an input id is an error in older cores: outputs have display names only.
    assert all(output.id is None and output.display_name for output in schema.outputs)
    ids = [one.id for one in schema.inputs]
    assert len(ids) == len(set(ids))
    page = (root / "web" / "docs" / f"{name}.md").read_text(encoding="utf-8")
    assert [one for one in ids if f"`{one}`" not in page] == []
    assert [one.display_name for one in schema.outputs if f"`{one.display_name}`" not in page] == []


def test_supported_drops_what_this_core_does_not_know(nodes):
    from motion_control.nodes.support import supported

    assert supported(lambda a, b: None, a=1, c=2) == {"a": 1}


# LoadMotionRef


def test_load_says_what_is_wrong_with_the_file_before_the_graph_runs(nodes, comfy):
    node = nodes.LoadMotionRef
    assert "upload" in node.validate_inputs("upload a video")
    assert "upload it" in node.validate_inputs("missing.mp4")
    assert "inside the folder" in node.validate_inputs("../x.mp4")
    assert node.validate_inputs("upload a video", video=None) is True  # None: a VIDEO is connected
    (comfy / "input" / "x.mp4").write_bytes(b"1")
    assert node.validate_inputs("x.mp4") is True
    before = node.fingerprint_inputs("x.mp4", start_time=0.0)
    (comfy / "input" / "x.mp4").write_bytes(b"12")
    assert node.fingerprint_inputs("x.mp4", start_time=0.0) != before


def test_load_opens_the_window_inside_a_trimmed_video(nodes, engine):
    asked = {}

    def open_clip(path, **window):
        asked.update(window, path=str(path))
        return SimpleNamespace(frame_rate=Fraction(30000, 1001), audio=None, duration=Fraction(1))

    engine("media", open_clip=open_clip, read_audio=lambda clip: None)
    video = SimpleNamespace(get_stream_source=lambda: "/x.mp4", get_active_trim_window=lambda: (10.0, 5.0))
    output = nodes.LoadMotionRef.execute("upload a video", 1.0, 0.0, 0.0, video=video).values
    assert asked == {"path": "/x.mp4", "start": 11.0, "duration": 4.0, "force_rate": None}
    assert output[2] == pytest.approx(29.97, abs=0.001)
    with pytest.raises(SettingError, match="start_time"):
        nodes.LoadMotionRef.execute("upload a video", 6.0, 0.0, 0.0, video=video)


# ExtractPose


class Track(SimpleNamespace):
    def __len__(self):
        return self.count


def test_extract_draws_every_frame_and_reports(nodes, engine):
    track = Track(count=70, width=1280, height=720, report={"frames": 70, "checks": [Check("face", "pass", "1", "1")]})

    def draw_skeleton(track, start, stop, max_side=None):
        assert max_side == 512
        return torch.arange(start, stop, dtype=torch.uint8)[:, None, None, None].expand(-1, 9, 16, 3)

    asked = {}

    def extract_track(clip, progress, **options):
        asked.update(options)
        return track

    own = contextlib.nullcontext("own")
    given = {"parse_subject": lambda text: [text], "BUILTIN": own}
    engine("capture", extract_track=extract_track, draw_skeleton=draw_skeleton, **given)
    engine("exchange", keypoint_frames=lambda track: ["frame"] * len(track))
    result, skeleton, report, keypoints = nodes.ExtractPose.execute(None, 0.5, subject="0.4,0.6", hands=False).values
    assert asked == {"smoothing": 0.5, "subject": ["0.4,0.6"], "body": True, "hands": False, "tracker": "own"}
    assert result is track and skeleton.shape == (70, 9, 16, 3)
    assert torch.equal((skeleton[:, 0, 0, 0] * 255).round(), torch.arange(70.0))
    assert report == "frames: 70\nPASS face: 1 (wanted 1)" and len(keypoints) == 70


def test_mediapipe_s_files_are_looked_for_in_comfyui_s_models_folder(nodes, engine, comfy):
    import folder_paths

    asyncio.run(nodes.MotionControlExtension().on_load())
    own = str(comfy / "models" / "mediapipe")
    assert folder_paths.get_folder_paths("mediapipe") == [own]
    folder_paths.add_model_folder_path("mediapipe", str(comfy / "more"))  # as extra_model_paths.yaml does
    asked, closed = [], []

    @contextlib.contextmanager
    def open_tracker(name, folders):
        asked.append((name, folders))
        yield "reader"
        closed.append(name)

    def extract_track(clip, tracker, **_):
        assert tracker == "reader" and not closed
        return Track(count=1, width=64, height=64, report={})

    given = {"parse_subject": str, "BUILTIN": None, "draw_skeleton": lambda *_, **__: torch.zeros(1, 9, 16, 3).byte()}
    engine("capture", extract_track=extract_track, open_tracker=open_tracker, **given)
    engine("exchange", keypoint_frames=lambda track: [])
    nodes.ExtractPose.execute(None, 0.5, tracker="mediapipe")
    assert asked == [("mediapipe", [Path(own), comfy / "more"])] and closed == ["mediapipe"]


def test_extract_takes_other_nodes_detections_and_draws_in_a_model_s_style(nodes, engine):
    track = Track(count=5, width=2560, height=1440, report={})
    asked = {}

    def import_for_clip(clip, pose_keypoints, face_landmarks, smoothing):
        asked.update(clip=clip, pose=pose_keypoints, face=face_landmarks, smoothing=smoothing)
        return track

    def draw_styled(track, style, start, stop, max_side=None):
        asked.update(style=style, side=max_side)
        return torch.zeros(stop - start, 9, 16, 3, dtype=torch.uint8)

    engine("capture")
    engine("exchange", import_for_clip=import_for_clip, draw_styled=draw_styled, keypoint_frames=lambda track: [])
    given = {"pose_keypoints": ["p"], "face_landmarks": {"f": 1}, "skeleton_style": "wan animate"}
    assert nodes.ExtractPose.execute("clip", 0.3, **given).values[0] is track
    assert asked == {
        "clip": "clip", "pose": ["p"], "face": {"f": 1}, "smoothing": 0.3, "style": "wan animate", "side": 1280,
    }  # fmt: skip


@pytest.mark.parametrize("count, side", [(100, 512), (1800, 297), (10**7, 64)])
def test_a_long_clip_gets_smaller_skeletons(nodes, count, side):
    from motion_control.nodes.skeletons import skeleton_side

    assert skeleton_side(count, 1280, 720, 512) == side


# Tracks as files


@pytest.fixture
def track():
    from motion_control.engine.tracks import blank_track

    return blank_track(torch.arange(4).double() / 25, Fraction(25), 64, 48)


def test_a_track_is_saved_and_loaded_again(nodes, comfy, track):
    (path,) = nodes.SaveMotionTrack.execute(track, "takes/one").values
    assert path == str(comfy / "output" / "takes" / "one_00001_.safetensors")
    (comfy / "input" / "mine.safetensors").write_bytes((comfy / path).read_bytes())
    (comfy / "input" / ".part.safetensors").write_bytes(b"")
    names = nodes.LoadMotionTrack.define_schema().inputs[0].rest["options"]
    assert names == ["mine.safetensors", "takes/one_00001_.safetensors [output]"]
    for name in names:
        assert nodes.LoadMotionTrack.validate_inputs(name) is True
        loaded, rate, _ = nodes.LoadMotionTrack.execute(name).values
        assert torch.equal(loaded.translation, track.translation) and rate == 25.0
    before = nodes.LoadMotionTrack.fingerprint_inputs("mine.safetensors")
    (comfy / "input" / "mine.safetensors").write_bytes(b"1")
    assert nodes.LoadMotionTrack.fingerprint_inputs("mine.safetensors") != before


@pytest.mark.parametrize(
    "name", ["../x.safetensors", "/etc/passwd", "C:\\x.safetensors", "missing.safetensors [output]"]
)
def test_a_track_comes_from_comfyui_s_folders_only(nodes, name):
    assert name.split(" [")[0] in nodes.LoadMotionTrack.validate_inputs(name)
    with pytest.raises(MotionControlError):
        nodes.LoadMotionTrack.execute(name)
    assert "SaveMotionTrack" in nodes.LoadMotionTrack.validate_inputs("save a track first")


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "C:\\x", ""])
def test_a_track_is_saved_in_the_output_folder_only(nodes, track, prefix):
    with pytest.raises(MotionControlError):
        nodes.SaveMotionTrack.execute(track, prefix)


# BindIdentity


@pytest.fixture
def binding(engine):
    """What reaches the engine of BindIdentity."""
    bound = {}

    def bind_identity(images, names=None, progress=None, recogniser=None, face_points=""):
        bound.update(images=images, names=names, recogniser=recogniser, face_points=face_points)
        return "identity"

    def pictures_of_video(clip, progress=None):
        bound["clip"] = clip
        return [torch.zeros(4, 4, 3, dtype=torch.uint8)], ["x.mp4 at 1.00 s"]

    engine(
        "identity", bind_identity=bind_identity, pictures_of_video=pictures_of_video,
        load_recogniser=lambda path: path, report_text=lambda identity: "good",
        draw_card=lambda identity: torch.full((3, 2, 3), 51, dtype=torch.uint8),
    )  # fmt: skip
    engine("media", open_clip=lambda path, start, duration: (str(path), start, duration))
    return bound


def test_bind_takes_a_batch_and_more_sockets(nodes, binding):
    batch, fifth = torch.zeros(2, 8, 6, 3), torch.ones(1, 5, 5, 4, dtype=torch.float16)
    identity, report, card = nodes.BindIdentity.execute(batch, image_5=fifth).values
    assert (identity, report) == ("identity", "good")
    assert card.shape == (1, 3, 2, 3) and torch.all(card == 51 / 255)
    assert binding["names"] == ["images 1", "images 2", "image_5"]
    assert [tuple(image.shape) for image in binding["images"]] == [(8, 6, 3), (8, 6, 3), (5, 5, 3)]
    assert binding["images"][2].dtype == torch.uint8 and int(binding["images"][2].min()) == 255


def test_bind_takes_a_video_alone_or_with_images(nodes, binding):
    video = SimpleNamespace(get_stream_source=lambda: "/x.mp4", get_active_trim_window=lambda: (2.0, 5.0))
    nodes.BindIdentity.execute(video=video)
    assert binding["names"] == ["x.mp4 at 1.00 s"] and binding["clip"] == ("/x.mp4", 2.0, 5.0)
    nodes.BindIdentity.execute(torch.zeros(1, 8, 6, 3), video=SimpleNamespace(get_stream_source=lambda: "/x.mp4"))
    assert binding["names"] == ["images", "x.mp4 at 1.00 s"] and binding["clip"] == ("/x.mp4", 0.0, None)


def test_bind_finds_the_recognition_network_of_the_user(nodes, binding, comfy):
    def recogniser(choice, count=2):
        nodes.BindIdentity.execute(torch.zeros(count, 8, 6, 3), recognition=choice)
        return binding["recogniser"]

    assert recogniser("auto") is None
    pack = comfy / "models" / "insightface" / "models" / "buffalo_l"
    pack.mkdir(parents=True)
    for name in ("det_10g.onnx", "w600k_r50.onnx", "genderage.onnx", "2d106det.onnx", "readme.txt"):
        (pack / name).write_bytes(b"1")
    (pack.parent / "my_faces.safetensors").write_bytes(b"1")
    (choice,) = [one for one in nodes.BindIdentity.define_schema().inputs if one.id == "recognition"]
    assert choice.default == "auto" and choice.rest["options"] == [
        "auto", "off", "models/buffalo_l/w600k_r50.onnx", "models/my_faces.safetensors",
    ]  # fmt: skip
    assert recogniser("auto") == pack / "w600k_r50.onnx" and recogniser("off") is None
    assert recogniser("models/my_faces.safetensors") == pack.parent / "my_faces.safetensors"
    assert recogniser("auto", count=1) is None  # nothing to compare
    for bad in ("../x.onnx", "/etc/x.onnx", "gone.onnx"):
        with pytest.raises(MotionControlError, match="x.onnx|gone.onnx"):
            recogniser(bad)


def test_bind_keeps_the_order_of_its_old_inputs_and_outputs(nodes):
    """Saved workflows refer to outputs by number and to inputs by name."""
    schema = nodes.BindIdentity.define_schema()
    assert [one.display_name for one in schema.outputs][:2] == ["identity", "report"]
    assert {"images", "image_2", "image_3", "image_4"} <= {one.id for one in schema.inputs}


def test_bind_takes_the_points_of_a_face(nodes, binding):
    nodes.BindIdentity.execute(torch.zeros(1, 8, 6, 3), face_points="chin 1,2")
    assert binding["face_points"] == "chin 1,2"
    video = SimpleNamespace(get_stream_source=lambda: "/x.mp4")
    with pytest.raises(SettingError, match="face_points belong to an image"):
        nodes.BindIdentity.execute(video=video, face_points="chin 1,2")


def test_bind_without_anything_is_a_sentence(nodes):
    with pytest.raises(MotionControlError, match="No character image"):
        nodes.BindIdentity.execute()


@pytest.mark.parametrize("broken", [torch.zeros(0, 8, 8, 3), torch.zeros(1, 8, 8), torch.zeros(1, 8, 8, 1)])
def test_bind_refuses_what_is_no_picture(nodes, broken):
    with pytest.raises(SettingError, match="images"):
        nodes.BindIdentity.execute(broken)


# Identities as files


def test_an_identity_is_saved_and_loaded_by_name(nodes, comfy, hopper):
    (path,) = nodes.SaveIdentity.execute(hopper, "hero", False).values
    folder = comfy / "output" / "motion_control" / "identities"
    assert path == str(folder / "hero.safetensors")
    assert nodes.SaveIdentity.execute(hopper, "hero", False).values == (str(folder / "hero 2.safetensors"),)
    before = nodes.LoadIdentity.fingerprint_inputs("hero")
    assert nodes.SaveIdentity.execute(hopper, "hero", True).values == (path,)
    assert nodes.LoadIdentity.fingerprint_inputs("hero") != before
    (comfy / "input" / "sent.safetensors").write_bytes((folder / "hero.safetensors").read_bytes())
    (comfy / "input" / "other.safetensors").write_bytes(b"1")
    names = nodes.LoadIdentity.define_schema().inputs[0].rest["options"]
    assert names == ["hero", "hero 2", "sent.safetensors"]
    for name in names:
        assert nodes.LoadIdentity.validate_inputs(name) is True
        identity, report, card = nodes.LoadIdentity.execute(name).values
        assert torch.equal(identity.view.points, hopper.view.points) and "hopper (rendered)" in report
        assert card.ndim == 4 and card.shape[0] == 1 and 0.1 < float(card.std()) < 0.5


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "C:\\x", "missing", "missing.safetensors", "../x.safetensors"])
def test_an_identity_comes_from_comfyui_s_folders_only(nodes, name):
    assert "'" in nodes.LoadIdentity.validate_inputs(name)
    with pytest.raises(MotionControlError):
        nodes.LoadIdentity.execute(name)
    assert "SaveIdentity" in nodes.LoadIdentity.validate_inputs("save an identity first")


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "C:\\x", "a/b", ""])
def test_an_identity_is_saved_in_its_folder_only(nodes, comfy, hopper, name):
    with pytest.raises(MotionControlError, match="name of an identity"):
        nodes.SaveIdentity.execute(hopper, name, True)
    assert list(comfy.rglob("*.safetensors")) == []


# MotionSampler

SAMPLER = {
    "prompt": "zoom in",
    "character_orientation": "image",
    "width": 0,
    "height": 64,
    "seed": 7,
    "expression_strength": 0.5,
    "head_strength": 2.0,
    "light": 0.25,
}


def test_sampler_plans_renders_and_fills_one_image(nodes, engine, bars):
    seen = {}

    def plan(track, identity, settings):
        seen["settings"] = settings
        report = {"camera": "zoom in", "unused": ["a", "b"], "none": []}
        return SimpleNamespace(width=6, height=4, frame_count=5, report=report)

    def render_frames(plan, background=None, batch=8, progress=None):
        seen["background"] = background
        for start, stop in ((0, 3), (3, 5)):
            yield torch.full((stop - start, 4, 6, 3), 51, dtype=torch.uint8)
            progress(stop, 5)

    engine("render", plan=plan, render_frames=render_frames)
    images, report = nodes.MotionSampler.execute(
        track=None, identity=None, background=torch.ones(2, 4, 6, 3), **SAMPLER
    ).values
    assert images.dtype == torch.float32 and images.shape == (5, 4, 6, 3) and torch.all(images == 51 / 255)
    assert report == "camera: zoom in\nunused: a, b"
    settings = seen["settings"]
    assert (settings.width, settings.height, settings.seed, settings.orientation) == (None, 64, 7, "image")
    assert (settings.expression_strength, settings.head_strength, settings.prompt) == (0.5, 2.0, "zoom in")
    assert settings.light == 0.25
    assert (settings.mouth_strength, settings.eyes_strength, settings.brows_strength) == (1.0, 1.0, 1.0)
    assert seen["background"].shape == (4, 6, 3) and seen["background"].dtype == torch.uint8
    assert [step[:2] for step in bars[0].steps] == [(3, 5), (5, 5)] and bars[0].steps[0][2] is not None


def test_graphs_saved_before_the_strengths_of_parts_keep_the_order_of_their_values(nodes):
    """Widgets are saved by place: new ones stand behind all others and may be left out."""
    inputs = [one.id for one in nodes.MotionSampler.define_schema().inputs]
    assert inputs[-3:] == ["mouth_strength", "eyes_strength", "brows_strength"]
    assert [one for one in inputs[2:-3] if one != "background"] == list(SAMPLER)


def test_sampler_says_when_the_frames_do_not_fit_into_memory(nodes, monkeypatch):
    from motion_control.nodes.support import allocate

    with pytest.raises(SettingError, match="GB") as problem:
        allocate(10**9, 4320, 7680)
    assert "duration" in str(problem.value)


def test_cancel_stops_the_loop(nodes, engine, monkeypatch):
    from motion_control.engine import runtime

    class Cancelled(Exception):
        pass

    def check():
        raise Cancelled

    monkeypatch.setattr(runtime, "check_interrupted", check)

    def extract_track(clip, progress, **options):
        progress(1, 2)

    own = contextlib.nullcontext()
    engine("capture", extract_track=extract_track, parse_subject=lambda text: text, BUILTIN=own)
    with pytest.raises(Cancelled):
        nodes.ExtractPose.execute(None, 0.5)


# RestoreFace


def rebatched(frames, size=3):
    """The engine may give frames back in other batches than it took them."""
    waiting = [frame.clone() for batch in frames for frame in batch]
    for start in range(0, len(waiting), size):
        yield torch.stack(waiting[start : start + size])


def test_restore_changes_only_restored_pixels(nodes, engine):
    images = torch.rand(10, 8, 8, 4)

    def restore_faces(frames, identity, strength=0.5, progress=None, total=None):
        assert total == 10
        for batch in rebatched(frames):
            batch[:, 2:4, 2:4] = batch[:, 2:4, 2:4] // 2 + 100
            yield batch

    engine("restore", restore_faces=restore_faces)
    kept = images.clone()
    (result,) = nodes.RestoreFace.execute(images, None, 0.5).values
    assert torch.equal(images, kept)  # the input is another node's cached output
    outside = torch.ones(8, 8, dtype=torch.bool)
    outside[2:4, 2:4] = False
    assert torch.equal(result[:, outside], images[:, outside])
    assert not torch.equal(result, images) and torch.equal(result[..., 3], images[..., 3])


def test_restore_with_strength_zero_is_free(nodes):
    images = torch.rand(1, 8, 8, 3)
    assert nodes.RestoreFace.execute(images, None, 0.0).values[0] is images


# VideoCombine


class Writer:
    """Stands for engine.media.VideoWriter."""

    made: list = []

    def __init__(self, path, width, height, frame_rate, audio=None, crf=17, metadata=None):
        self.path, self.rate, self.audio, self.metadata, self.frames = path, frame_rate, audio, metadata, 0
        self.size = (width, height)
        Writer.made.append(self)

    def __enter__(self):
        self.path.write_bytes(b"film")
        return self

    def __exit__(self, *_):
        pass

    def write(self, frames):
        assert frames.dtype == torch.uint8
        self.frames += len(frames)


@pytest.fixture
def writer(engine):
    Writer.made = []
    engine("media", VideoWriter=Writer)
    return Writer


def combine(nodes, **changes):
    inputs = {"images": torch.rand(20, 8, 8, 3), "filename_prefix": "take/one", "crf": 17, "save_output": True}
    return nodes.VideoCombine.execute(**{**inputs, "frame_rate": 10.0, **changes})


def test_combine_writes_and_shows_the_file(nodes, comfy, writer):
    audio = {"waveform": torch.zeros(1, 1, 99999), "sample_rate": 1000}
    output = combine(nodes, audio=audio)
    assert output.values[1] == str(comfy / "output" / "take" / "one_00001_.mp4")
    assert output.ui == {"images": [{"filename": "one_00001_.mp4", "subfolder": "take", "type": "output"}]}
    made = writer.made[0]
    assert made.frames == 20 and made.audio[0].shape == (1, 99999) and made.audio[1] == 1000


def test_combine_takes_the_exact_rate_of_the_track(nodes, writer):
    combine(nodes, frame_rate=0.0, track=SimpleNamespace(frame_rate=Fraction(30000, 1001)))
    assert writer.made[0].rate == Fraction(30000, 1001)


def test_combine_to_the_temp_folder(nodes, writer):
    assert combine(nodes, save_output=False).ui["images"][0]["type"] == "temp"


def test_combine_wants_a_rate(nodes):
    assert "no track" in nodes.VideoCombine.validate_inputs(0.0)
    assert nodes.VideoCombine.validate_inputs(0.0, track=None) is True
    assert nodes.VideoCombine.validate_inputs(25.0) is True
    assert "between" in nodes.VideoCombine.validate_inputs(-1.0)
    with pytest.raises(SettingError, match="track"):
        combine(nodes, frame_rate=0.0)


@pytest.mark.parametrize("prefix", ["../x", "/tmp/x", "C:\\x", ""])
def test_combine_stays_in_its_folder(nodes, writer, prefix):
    with pytest.raises(MotionControlError):
        combine(nodes, filename_prefix=prefix)


def test_combine_leaves_an_odd_row_and_column_out(nodes, writer):
    combine(nodes, images=torch.rand(1, 9, 7, 3))
    assert writer.made[0].size == (6, 8)
