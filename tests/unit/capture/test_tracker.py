"""The optional tracker mediapipe: what is said when it cannot be used, and that its points land where they belong.

The package is not needed for most of this: a stand-in whose "models" are the pack's own networks answers as the Tasks
interface does. The last tests need the real one.
"""

import importlib.util
import sys
import types

import pytest
import torch

from motion_control.cli.tracker import TRACKERS as CLI_TRACKERS
from motion_control.engine.capture import BUILTIN, TRACKERS, open_tracker
from motion_control.engine.errors import CaptureError, SettingError
from motion_control.models import bodies, faces


def whole(crop):
    side = crop.shape[0]
    return torch.tensor([[side / 2, side / 2, side, side, 0.0]])


def marks(points, side, **more):
    return [
        types.SimpleNamespace(x=x / side, y=y / side, z=z / side, **{name: float(v[i]) for name, v in more.items()})
        for i, (x, y, z) in enumerate(points.tolist())
    ]


def metres(points):
    return [types.SimpleNamespace(x=x, y=y, z=z) for x, y, z in points.tolist()]


def see_face(crop):
    (points,), (presence,) = faces.face_landmarks(crop[None], whole(crop))
    return {"face_landmarks": [marks(points, len(crop))] if presence > 0.5 else []}


def see_pose(crop):
    body = bodies.body_landmarks(crop[None], whole(crop))
    seen = {"visibility": body.visibility[0], "presence": body.joint_presence[0]}
    found = body.presence[0] > 0.5
    return {
        "pose_landmarks": [marks(body.points[0], len(crop), **seen)] if found else [],
        "pose_world_landmarks": [metres(body.world[0])] if found else [],
    }


def see_hand(crop):
    """A hand that is always there: nine tenths a left one."""
    points = torch.rand(21, 3, generator=torch.Generator().manual_seed(1)) * len(crop)
    side = types.SimpleNamespace(category_name="Left", score=0.9)
    return {
        "hand_landmarks": [marks(points, len(crop))],
        "hand_world_landmarks": [metres(points)],
        "handedness": [[side]],
    }


@pytest.fixture
def package(monkeypatch):
    """A stand-in for the package, without models of its own. Its attribute `open` counts the open tasks."""
    module = types.ModuleType("mediapipe")
    module.__version__, module.open, module.points = "9.9", [], 478

    def task(kind, see):
        class Task:
            @staticmethod
            def create_from_options(options):
                if options.base.content != b"model":
                    raise RuntimeError("Unable to open zip archive.\nmore")
                module.open.append(kind)
                return Task()

            def detect(self, image):
                found = see(torch.from_numpy(image.data))
                if kind == "FaceLandmarker":
                    found = {"face_landmarks": [one[: module.points] for one in found["face_landmarks"]]}
                return types.SimpleNamespace(**found)

            def close(self):
                module.open.remove(kind)

        return {kind: Task, f"{kind}Options": lambda base_options: types.SimpleNamespace(base=base_options)}

    vision, python = types.ModuleType("mediapipe.tasks.python.vision"), types.ModuleType("mediapipe.tasks.python")
    for kind, see in (("FaceLandmarker", see_face), ("PoseLandmarker", see_pose), ("HandLandmarker", see_hand)):
        vision.__dict__.update(task(kind, see))
    python.vision = vision
    python.BaseOptions = lambda model_asset_buffer: types.SimpleNamespace(content=model_asset_buffer)
    module.Image = lambda image_format, data: types.SimpleNamespace(data=data)
    module.ImageFormat = types.SimpleNamespace(SRGB=1)
    tasks = types.ModuleType("mediapipe.tasks")
    for one in (module, tasks, python, vision):
        monkeypatch.setitem(sys.modules, one.__name__, one)
    return module


@pytest.fixture
def models(tmp_path):
    """models(*names): a folder with files of these names."""

    def make(*names):
        folder = tmp_path / "mediapipe"
        folder.mkdir()
        for name in names:
            (folder / name).write_bytes(b"model")
        return [folder]

    return make


ALL = ("face_landmarker.task", "pose_landmarker_full.task", "hand_landmarker.task")


def said(*given):
    with pytest.raises(SettingError) as caught:
        open_tracker(*given)
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and "; " in text
    return text


def test_the_names_are_the_same_everywhere():
    assert CLI_TRACKERS == TRACKERS and open_tracker("builtin") is BUILTIN
    assert "'openpose'; choose one of builtin, mediapipe" in said("openpose")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    assert "not installed" in (text := said("mediapipe")) and "pip install mediapipe" in text


def test_a_package_that_does_not_fit_its_neighbours(package, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python", None)
    assert "not installed" in said("mediapipe")
    broken = types.ModuleType("mediapipe.tasks.python")
    broken.__getattr__ = lambda name: (_ for _ in ()).throw(TypeError("Descriptors cannot be created.\nDowngrade."))
    monkeypatch.setitem(sys.modules, "mediapipe.tasks.python", broken)
    assert "cannot be imported (Descriptors cannot be created)" in said("mediapipe")


def test_without_the_face_s_file(package, models):
    folders = models("hand_landmarker.task")
    text = said("mediapipe", folders)
    assert "mediapipe 9.9 needs face_landmarker.task" in text and str(folders[0]) in text
    assert "--tracker-models" in said("mediapipe")
    assert package.open == []


def test_a_file_that_is_no_model(package, models):
    folders = models(*ALL)
    (folders[0] / "pose_landmarker_full.task").write_bytes(b"text")
    text = said("mediapipe", folders)
    assert "pose_landmarker_full.task (Unable to open zip archive)" in text
    assert package.open == []  # what was open already is given back


def test_parts_without_a_file_are_read_by_the_builtin_networks_and_that_is_said(package, models):
    with open_tracker("mediapipe", models("face_landmarker.task", "pose_landmarker_lite.task")) as tracker:
        assert tracker.hands is BUILTIN.hands and tracker.face is not BUILTIN.face
        assert "body by pose_landmarker_lite.task" in tracker.notes
        assert "hands by the built-in network, because there is no hand_landmarker.task" in tracker.notes
        assert package.open == ["FaceLandmarker", "PoseLandmarker"]
    assert package.open == []


def test_a_model_with_other_points_is_refused(package, models, portraits):
    package.points = 468
    with open_tracker("mediapipe", models(*ALL)) as tracker, pytest.raises(CaptureError, match="468 points where 478"):
        tracker.face(portraits.hopper[None], torch.tensor([[200.0, 180, 300, 300, 0]]))


@pytest.mark.parametrize("angle", [0.0, 0.6])
def test_points_of_turned_crops_land_in_the_picture(package, models, portraits, angle):
    (box,) = faces.detect_faces(portraits.whole[None])[0]
    (person,) = bodies.detect_bodies(portraits.whole[None])[0]
    face, body = faces.roi_from_detection(box)[None], bodies.roi_from_detection(person)[None]
    face[0, 4] += angle
    body[0, 4] += angle
    pictures = torch.stack([portraits.whole, torch.zeros_like(portraits.whole)])
    with open_tracker("mediapipe", models(*ALL)) as tracker:
        points, presence = tracker.face(pictures, face.expand(2, -1))
        own, _ = faces.face_landmarks(portraits.whole[None], face)
        assert presence[0] == pytest.approx(0.9) and presence[1] == 0 and points[1].abs().max() == 0
        assert (points[0] - own[0])[:, :2].norm(dim=1).mean() < 0.01 * face[0, 2]
        read, true = tracker.body(portraits.whole[None], body), bodies.body_landmarks(portraits.whole[None], body)
        known = true.visibility[0] > 0.9
        assert (read.points - true.points)[0, known, :2].norm(dim=1).mean() < 0.03 * body[0, 2]
        assert (read.world - true.world)[0, known].norm(dim=1).mean() < 0.1  # m
        # the next crop holds the whole body, as the network's own would
        following = bodies.roi_from_landmarks(read)[0]
        away = (read.points[0, known, :2] - following[:2]).norm(dim=1)
        assert away.max() < following[2] / 2 < 4 * away.max()
        read = tracker.hands(portraits.whole[None], face)
        assert read.right[0] == pytest.approx(0.1) and read.points.shape == (1, 21, 3)


def test_a_capture_through_it_is_the_builtin_one(package, models, waving, capture):
    own = capture(waving.frames[:16])
    with open_tracker("mediapipe", models(*ALL[:2])) as tracker:
        track = capture(waving.frames[:16], tracker=tracker)
    assert (track.face_points - own.face_points)[..., :2].norm(dim=2).mean() < 1.0  # px of a face 160 px high
    assert float(track.face_confidence.min()) == pytest.approx(0.9)
    assert track.report["tracker"][0] == "mediapipe 9.9" and "tracker" not in own.report


INSTALLED = importlib.util.find_spec("mediapipe") is not None


@pytest.mark.skipif(not INSTALLED, reason="the optional package mediapipe is not installed")
def test_the_real_package_finds_the_same_face(waving, capture):
    """With a wheel that carries models (0.10.21 and before); MediaPipe's own files are not ours to ship."""
    import mediapipe

    if not hasattr(mediapipe, "solutions"):
        pytest.skip(f"mediapipe {mediapipe.__version__} carries no models")
    own = capture(waving.frames[:8])
    with open_tracker("mediapipe") as tracker:
        track = capture(waving.frames[:8], tracker=tracker)
    assert (track.face_points - own.face_points)[..., :2].norm(dim=2).mean() < 2.0
    assert track.face_confidence.min() > 0.8
