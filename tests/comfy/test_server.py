"""The six nodes in a real ComfyUI."""

import io
import json
import re
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

HERE = Path(__file__).parent
NODES = ["LoadMotionRef", "ExtractPose", "BindIdentity", "MotionSampler", "RestoreFace", "VideoCombine"]
HELPERS = ["SaveIdentity", "LoadIdentity", "SaveMotionTrack", "LoadMotionTrack", "FaceCrops", "SubjectMask"]
SENTENCE = re.compile(r"^(?!.*\.\W*[ )]\W*[A-Z])(?!.*\.\))[^\n]{20,400}\.$")  # one line, one sentence


def facts(data) -> dict:
    """What a player would see of a video file or its bytes."""
    with av.open(io.BytesIO(data) if isinstance(data, bytes) else str(data)) as film:
        stream = film.streams.video[0]
        found = {
            "metadata": dict(film.metadata),
            "size": (stream.width, stream.height),
            "rate": stream.average_rate,
            "frames": sum(1 for _ in film.decode(stream)),
            "duration": stream.duration * stream.time_base,
            "audio": None,
        }
        if film.streams.audio:
            sound = film.streams.audio[0]
            film.seek(0)
            samples = np.concatenate([frame.to_ndarray().ravel() for frame in film.decode(sound)])
            found["audio"] = float(sound.duration * sound.time_base)
            found["loudness"] = float(np.abs(samples.astype(np.float64)).max())
    return found


def shown_file(result: dict) -> dict:
    (shown,) = result["outputs"]["7"]["images"]
    return shown


def write_video(path, pictures, rate=25, sound=False) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=rate, options={"bf": "0"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode())


def noise(count, side=128):
    return list(np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8))


def write_sound(path) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("aac", rate=48000, layout="mono")
        for index in range(40):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            frame.rate, frame.pts = 48000, index * 1024
            film.mux(stream.encode(frame))
        film.mux(stream.encode())


def test_the_pack_loads_fast_and_without_complaints(server):
    log = server.log.read_text(errors="replace")
    line = re.search(r"^.*?([\d.]+) seconds( \(IMPORT FAILED\))?: .*motion-control$", log, re.MULTILINE)
    assert line and not line[2], server.tail()
    assert float(line[1]) < 0.5  # 0.2 on an idle machine


def test_object_info_offers_all_nodes_with_tooltips(server):
    info = server.get_json("/object_info")
    for name in NODES + HELPERS:
        node = info[name]
        assert node["category"] == "Motion Control" and node["description"] and node["display_name"]
        inputs = {**node["input"].get("required", {}), **node["input"].get("optional", {})}
        assert inputs and [one for one, spec in inputs.items() if len(spec[1].get("tooltip", "")) < 16] == []
        assert len(node["output_tooltips"]) == len(node["output"]) and all(node["output_tooltips"])
        assert node["python_module"] == "custom_nodes.motion-control"
    assert info["VideoCombine"]["output_node"] is True
    assert info["LoadMotionRef"]["input"]["required"]["file"][1]["video_upload"] is True


def test_help_pages_are_served(server):
    for name in NODES + HELPERS:
        assert server.get(f"/extensions/motion-control/docs/{name}.md").startswith(b"# ")


@pytest.fixture(scope="module")
def first_run(server):
    graph = json.loads((HERE / "portrait_api.json").read_text(encoding="utf-8"))
    return server.run(graph, extra_pnginfo={"workflow": {"nodes": ["marker"]}})


def test_six_nodes_make_a_file_that_view_hands_out(server, first_run, graph):
    shown = shown_file(first_run)
    assert shown["type"] == "output" and shown["subfolder"] == "motion_control"
    made = facts(server.get("/view", **shown))
    reference = facts(server.base / "input" / "performance.mp4")
    rate, window = reference["rate"], Fraction(3, 2)
    assert made["rate"] == rate
    assert abs(made["frames"] - window * rate) <= Fraction(1, 2)
    assert abs(made["duration"] - window) <= 1 / rate / 2
    assert made["size"] == (256, 256)
    assert made["audio"] == pytest.approx(float(window), abs=0.06) and made["loudness"] > 0.001
    assert json.loads(made["metadata"]["workflow"]) == {"nodes": ["marker"]}
    assert json.loads(made["metadata"]["prompt"])["5"] == graph["5"]


def test_a_second_run_is_cached(server, first_run, graph):
    before = sorted(server.base.glob("output/**/*.mp4"))
    started = time.monotonic()
    again = server.run(graph)
    assert time.monotonic() - started < 2
    (cached,) = server.messages(again, "execution_cached")
    assert set(cached["nodes"]) == set(graph)
    assert sorted(server.base.glob("output/**/*.mp4")) == before


def test_a_changed_reference_is_not_cached(server, first_run, graph):
    file = server.base / "input" / "performance.mp4"
    file.touch()
    graph = {key: graph[key] for key in ("1",)}
    graph["7"] = {"class_type": "PreviewAudio", "inputs": {"audio": ["1", 1]}}
    server.run(graph)
    time.sleep(0.02)
    file.touch()
    (cached,) = server.messages(server.run(graph), "execution_cached")
    assert "1" not in cached["nodes"]


def test_an_interrupt_is_answered_at_once(server, first_run, graph):
    graph["1"]["inputs"].update(start_time=0.0, duration=0.0)
    graph["5"]["inputs"].update(width=1024, height=1024, seed=1)
    prompt_id = server.queue(graph)
    while not server.get_json("/queue")["queue_running"]:
        time.sleep(0.02)
    time.sleep(1.0)
    asked = time.monotonic()
    server.post("/interrupt", {})
    result = server.wait(prompt_id, 20)
    assert server.messages(result, "execution_interrupted"), "the run ended before the interrupt"
    assert time.monotonic() - asked < 3


def test_the_skeleton_and_a_video_from_another_node(server, first_run, graph):
    """VIDEO goes in through the socket, the skeleton comes out as pictures."""
    graph = {key: graph[key] for key in ("1", "2")}
    graph["8"] = {"class_type": "LoadVideo", "inputs": {"file": "performance.mp4"}}
    graph["1"]["inputs"].update(file="upload a video", video=["8", 0], start_time=0.0, duration=0.3)
    graph["7"] = {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}}
    result = server.run(graph)
    rate = facts(server.base / "input" / "performance.mp4")["rate"]
    assert abs(len(result["outputs"]["7"]["images"]) - Fraction(3, 10) * rate) <= 1


def test_the_helper_nodes_in_one_graph(server, first_run, graph):
    """A track goes out as key points, pictures, a mask and a file, and comes back from the points and from the file."""
    graph = {key: graph[key] for key in ("1", "2", "3", "4", "5", "7")}
    graph["1"]["inputs"].update(start_time=3.6, duration=0.4)
    graph["2"]["inputs"]["skeleton_style"] = "wan animate"
    graph["5"]["inputs"].update(width=128, height=128, track=["20", 0])
    graph["7"]["inputs"].update(images=["5", 0], track=["20", 0])
    graph |= {
        "20": {"class_type": "ExtractPose", "inputs": {"clip": ["1", 0], "smoothing": 0.0, "pose_keypoints": ["2", 3]}},
        "21": {"class_type": "FaceCrops", "inputs": {"clip": ["1", 0], "track": ["2", 0]}},
        "22": {"class_type": "PreviewImage", "inputs": {"images": ["21", 0]}},
        "23": {"class_type": "SubjectMask", "inputs": {"clip": ["1", 0], "track": ["2", 0], "refine": False}},
        "24": {"class_type": "MaskToImage", "inputs": {"mask": ["23", 0]}},
        "25": {"class_type": "PreviewImage", "inputs": {"images": ["24", 0]}},
        "26": {"class_type": "SaveMotionTrack", "inputs": {"track": ["2", 0], "filename_prefix": "tracks/take"}},
        "27": {"class_type": "PreviewImage", "inputs": {"images": ["2", 1]}},
        "28": {"class_type": "PreviewAny", "inputs": {"source": ["20", 2]}},
    }
    result = server.run(graph)
    count = facts(server.get("/view", **shown_file(result)))["frames"]
    assert count == round(Fraction(2, 5) * facts(server.base / "input" / "performance.mp4")["rate"])
    pictures = {key: result["outputs"][key]["images"] for key in ("22", "25", "27")}
    assert [len(shown) for shown in pictures.values()] == [count] * 3
    crop, mask, skeleton = (picture(server, shown[0]) for shown in pictures.values())
    assert crop.shape == (512, 512, 3) and crop.std() > 20
    assert skeleton.max() == 255 and (skeleton.sum(2) > 0).mean() < 0.1
    middle = mask[mask.shape[0] // 2, mask.shape[1] // 2]
    assert middle.min() > 200 and mask[0, 0].max() < 50
    assert "pose_keypoints" in result["outputs"]["28"]["text"][0]
    (file,) = server.base.glob("output/tracks/take_*.safetensors")
    assert file.stat().st_size < 6000 * count + 650_000  # the maps of the relief are 590 kB
    again = {key: graph[key] for key in ("3", "4", "5", "7")}
    again["30"] = {"class_type": "LoadMotionTrack", "inputs": {"file": f"tracks/{file.name} [output]"}}
    again["5"]["inputs"]["track"] = again["7"]["inputs"]["track"] = ["30", 0]
    del again["7"]["inputs"]["audio"]
    assert facts(server.get("/view", **shown_file(server.run(again))))["frames"] == count


def picture(server, shown) -> np.ndarray:
    with Image.open(io.BytesIO(server.get("/view", **shown))) as found:
        return np.asarray(found.convert("RGB"))


def test_core_draws_our_key_points(server, first_run, graph):
    info = server.get_json("/object_info")
    if "SDPoseDrawKeypoints" not in info:
        pytest.skip("this ComfyUI has no node for POSE_KEYPOINT")
    graph = {key: graph[key] for key in ("1", "2")}
    graph["1"]["inputs"].update(start_time=3.6, duration=0.2)
    options = {"draw_body": True, "draw_hands": True, "draw_face": True, "draw_feet": True, "draw_head": True}
    options |= {"stick_width": 4, "face_point_size": 1, "score_threshold": 0.3}
    graph["8"] = {"class_type": "SDPoseDrawKeypoints", "inputs": {"keypoints": ["2", 3], **options}}
    graph["9"] = {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}
    drawn = picture(server, server.run(graph)["outputs"]["9"]["images"][0])
    assert ((drawn == 255).all(2)).sum() > 68  # the dots of the face


@pytest.mark.parametrize("name", ["../x.safetensors", "none.safetensors [output]"])
def test_a_bad_track_name_is_refused_before_the_run(server, name):
    graph = {"1": {"class_type": "LoadMotionTrack", "inputs": {"file": name}}}
    graph["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}}
    assert SENTENCE.match(server.refusal(graph)[0])


def test_a_broken_track_is_one_sentence(server):
    (server.base / "input" / "broken.safetensors").write_bytes(b"\x10" + bytes(60))
    graph = {"1": {"class_type": "LoadMotionTrack", "inputs": {"file": "broken.safetensors"}}}
    graph["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 2]}}
    assert SENTENCE.match(server.failure(graph)["exception_message"].strip())


def test_a_character_of_two_images_is_saved_by_name_and_played_from_the_file(server, first_run, graph):
    bind = {
        "3": graph["3"],
        "4": {"class_type": "BindIdentity", "inputs": {"images": ["3", 0], "image_2": ["3", 0], "recognition": "auto"}},
        "9": {"class_type": "SaveIdentity", "inputs": {"identity": ["4", 0], "name": "hero", "overwrite": True}},
        "10": {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}},
        "11": {"class_type": "PreviewImage", "inputs": {"images": ["4", 2]}},
    }
    result = server.run(bind)
    report = result["outputs"]["10"]["text"][0]
    assert "image_2: yaw" in report and "a weak check" in report and "angles covered" in report
    card = picture(server, result["outputs"]["11"]["images"][0])
    assert card.shape[1] == 1280 and card.std() > 20
    (file,) = server.base.glob("output/motion_control/identities/*.safetensors")
    assert file.name == "hero.safetensors"
    info = server.get_json("/object_info/LoadIdentity")["LoadIdentity"]
    name = info["input"]["required"]["name"]
    assert "hero" in (name[1].get("options") or name[0])
    play = {key: graph[key] for key in ("1", "2", "5", "7")}
    play["1"]["inputs"].update(start_time=3.6, duration=0.2)
    play["12"] = {"class_type": "LoadIdentity", "inputs": {"name": "hero"}}
    play["13"] = {"class_type": "PreviewAny", "inputs": {"source": ["12", 1]}}
    play["5"]["inputs"].update(width=128, height=128, identity=["12", 0])
    play["7"]["inputs"]["images"] = ["5", 0]
    played = server.run(play)
    assert played["outputs"]["13"]["text"][0] == report
    film = facts(server.get("/view", **shown_file(played)))
    assert film["size"] == (128, 128)
    assert film["frames"] == round(Fraction(1, 5) * facts(server.base / "input" / "performance.mp4")["rate"])


def test_a_character_from_a_video(server, first_run, graph):
    graph = {
        "1": {"class_type": "LoadVideo", "inputs": {"file": "performance.mp4"}},
        "4": {"class_type": "BindIdentity", "inputs": {"video": ["1", 0]}},
        "7": {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}},
    }
    report = server.run(graph)["outputs"]["7"]["text"][0]
    assert "performance.mp4 at " in report and "(rendered)" in report


@pytest.mark.parametrize("name", ["../x", "nobody", "../x.safetensors", "none.safetensors"])
def test_a_bad_identity_name_is_refused_before_the_run(server, name):
    graph = {"1": {"class_type": "LoadIdentity", "inputs": {"name": name}}}
    graph["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}}
    assert SENTENCE.match(server.refusal(graph)[0])


def test_a_broken_identity_is_one_sentence(server, graph):
    """A network that is none, too."""
    (server.base / "input" / "broken identity.safetensors").write_bytes(b"\x10" + bytes(60))
    load = {"1": {"class_type": "LoadIdentity", "inputs": {"name": "broken identity.safetensors"}}}
    load["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["1", 1]}}
    assert SENTENCE.match(server.failure(load)["exception_message"].strip())
    folder = server.base / "models" / "insightface"
    folder.mkdir()
    (folder / "w600k_r50.onnx").write_bytes(bytes(99))
    graph["4"]["inputs"] |= {"image_2": ["3", 0], "recognition": "w600k_r50.onnx"}
    bind = {key: graph[key] for key in ("3", "4")}
    bind["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}}
    message = server.failure(bind)["exception_message"].strip()
    assert SENTENCE.match(message) and "w600k_r50.onnx" in message
    (folder / "w600k_r50.onnx").unlink()


def test_nothing_to_bind_is_a_sentence(server):
    graph = {"4": {"class_type": "BindIdentity", "inputs": {}}}
    graph["2"] = {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}}
    assert SENTENCE.match(server.failure(graph)["exception_message"].strip())


def test_a_clip_without_sound_goes_through_audio_sockets(server, first_run, graph):
    silent = server.base / "input" / "silent.mp4"
    with av.open(str(server.base / "input" / "performance.mp4")) as film, av.open(str(silent), "w") as copy:
        stream = copy.add_stream_from_template(film.streams.video[0])
        for packet in film.demux(film.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                copy.mux(packet)
    graph["1"]["inputs"].update(file="silent.mp4", start_time=0.0, duration=0.2)
    graph["5"]["inputs"].update(width=128, height=128)
    graph["9"] = {"class_type": "PreviewAudio", "inputs": {"audio": ["1", 1]}}
    result = server.run(graph)
    assert facts(server.get("/view", **shown_file(result)))["audio"] is None


# Bad input: one sentence each.


def load_only(graph):
    """A graph that only opens and captures the clip."""
    graph = {key: graph[key] for key in ("1", "2")}
    graph["7"] = {"class_type": "PreviewAny", "inputs": {"source": ["2", 2]}}
    return graph


@pytest.mark.parametrize("name", ["../performance.mp4", "/etc/hostname", "C:\\clip.mp4", "missing.mp4"])
def test_a_bad_file_name_is_refused_before_the_run(server, graph, name):
    graph["1"]["inputs"]["file"] = name
    (refusal,) = [one for one in server.refusal(graph) if one.startswith("file")]
    assert name in refusal and SENTENCE.match(refusal)


def test_a_missing_rate_is_refused_before_the_run(server, graph):
    del graph["7"]["inputs"]["track"]
    assert "no track is connected" in server.refusal(graph)[0]


def bad_video(folder, kind: str) -> None:
    path = folder / f"{kind}.mp4"
    if kind == "text":
        path.write_text("this is not a video")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "sound_only":
        write_sound(path)
    elif kind == "cut_off":
        whole = (folder / "performance.mp4").read_bytes()
        path.write_bytes(whole[: len(whole) // 20])
    elif kind == "nobody":
        write_video(path, noise(10))
    elif kind == "one_frame":
        write_video(path, noise(1))


@pytest.mark.parametrize("kind", ["text", "empty", "sound_only", "cut_off", "nobody", "one_frame"])
def test_a_bad_video_is_answered_with_a_sentence(server, graph, kind):
    bad_video(server.base / "input", kind)
    graph["1"]["inputs"].update(file=f"{kind}.mp4", start_time=0.0, duration=0.0)
    error = server.failure(load_only(graph))
    assert error["node_type"] in ("LoadMotionRef", "ExtractPose")
    assert SENTENCE.match(error["exception_message"].strip())
    assert error["exception_type"].endswith(("MediaError", "CaptureError"))


def test_a_start_beyond_the_end_is_answered_with_a_sentence(server, graph):
    graph["1"]["inputs"]["start_time"] = 5000.0
    error = server.failure(load_only(graph))
    assert error["node_type"] == "LoadMotionRef" and "5000" in error["exception_message"]
    assert SENTENCE.match(error["exception_message"].strip())


def test_a_character_without_a_face_is_answered_with_a_sentence(server, graph):
    graph["3"] = {"class_type": "EmptyImage", "inputs": {"width": 512, "height": 512, "batch_size": 1, "color": 0}}
    graph = {key: graph[key] for key in ("3", "4")}
    graph["7"] = {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}}
    error = server.failure(graph)
    assert error["node_type"] == "BindIdentity" and error["exception_type"].endswith("IdentityError")
    assert SENTENCE.match(error["exception_message"].strip())


def test_a_small_character_is_bound_with_a_warning(server, graph):
    graph["8"] = {
        "class_type": "ImageScale",
        "inputs": {"image": ["3", 0], "upscale_method": "area", "width": 300, "height": 300, "crop": "center"},
    }
    graph["4"]["inputs"]["images"] = ["8", 0]
    graph = {key: graph[key] for key in ("3", "4", "8")}
    graph["7"] = {"class_type": "PreviewAny", "inputs": {"source": ["4", 1]}}
    assert "WARN" in server.run(graph)["outputs"]["7"]["text"][0]


def test_a_file_outside_the_output_folder_is_answered_with_a_sentence(server, graph):
    graph["6"] = {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 2, "color": 0}}
    graph["7"]["inputs"].update(filename_prefix="../../outside", frame_rate=10.0)
    graph = {key: graph[key] for key in ("6", "7")}
    for name in ("track", "audio"):
        del graph["7"]["inputs"][name]
    message = server.failure(graph)["exception_message"].strip()
    assert "../../outside" in message and SENTENCE.match(message)


# The example graph.


def test_the_example_graph_has_only_nodes_that_exist(server, root):
    info = server.get_json("/object_info")
    (path,) = root.glob("workflows/*.json")
    example = json.loads(path.read_text(encoding="utf-8"))
    nodes = {node["id"]: node for node in example["nodes"]}
    assert [node["type"] for node in nodes.values() if node["type"] not in info and node["type"] != "Note"] == []
    assert set(NODES) <= {node["type"] for node in nodes.values()}
    for _, source, output, target, place, kind in example["links"]:
        assert info[nodes[source]["type"]]["output"][output] == kind
        socket = nodes[target]["inputs"][place]["name"]
        inputs = info[nodes[target]["type"]]["input"]
        accepted = {**inputs.get("required", {}), **inputs.get("optional", {})}[socket][0]
        assert accepted in (kind, "*")


def test_the_examples_are_offered_as_templates(server):
    assert server.get_json("/workflow_templates") == {"motion-control": ["Motion Control - portrait"]}
