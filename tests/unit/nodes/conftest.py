"""A ComfyUI of a few lines, so that the nodes can be imported and executed without one."""

import importlib
import mimetypes
import sys
import types
from enum import Enum
from pathlib import Path

import pytest


class _Input:
    def __init__(self, id, optional=False, tooltip=None, default=None, **rest):
        self.id, self.optional, self.tooltip, self.default, self.rest = id, optional, tooltip, default, rest


class _Output:
    def __init__(self, id=None, display_name=None, tooltip=None):
        self.id, self.display_name, self.tooltip = id, display_name, tooltip


def _socket(name):
    return type(name, (), {"io_type": name, "Input": _Input, "Output": _Output})


class _Schema:
    def __init__(self, node_id, display_name, category, description, inputs, outputs, hidden=(), is_output_node=False):
        self.__dict__.update(locals())


class _NodeOutput:
    def __init__(self, *values, ui=None):
        self.values, self.ui = values, ui


class _Hidden(str, Enum):
    prompt = "PROMPT"
    extra_pnginfo = "EXTRA_PNGINFO"


class _FolderType(str, Enum):
    input, output, temp = "input", "output", "temp"


def _comfy_api():
    io = types.SimpleNamespace(
        Custom=_socket, Schema=_Schema, NodeOutput=_NodeOutput, Hidden=_Hidden, FolderType=_FolderType,
        ComfyNode=type("ComfyNode", (), {"hidden": None}), UploadType=types.SimpleNamespace(video="video_upload"),
        **{name: _socket(name.upper()) for name in "Image Mask Audio Video Float Int String Boolean Combo".split()},
    )  # fmt: skip
    ui = types.SimpleNamespace(
        PreviewVideo=lambda values: {"images": values},
        SavedResult=lambda file, subfolder, kind: {"filename": file, "subfolder": subfolder, "type": kind.value},
    )
    implementation = types.SimpleNamespace(VideoFromFile=lambda path: ("video", path))
    return {"io": io, "ui": ui, "InputImpl": implementation, "ComfyExtension": object}


def _folder_paths(base: Path):
    def annotated(name):
        for kind in ("output", "input", "temp"):
            if name.endswith(f"[{kind}]"):
                return name[: -len(kind) - 2].rstrip(), str(base / kind)
        return name, None

    def save_path(prefix, folder, width=0, height=0):
        place = Path(folder) / Path(prefix).parent
        place.mkdir(parents=True, exist_ok=True)
        counter = 1 + len(list(place.glob(f"{Path(prefix).name}_*")))
        return str(place), Path(prefix).name, counter, str(Path(prefix).parent), prefix

    def of_kind(names, kinds):
        return [name for name in names if (mimetypes.guess_type(name)[0] or "").split("/")[0] in kinds]

    folders: dict[str, list[str]] = {}

    def add_model_folder_path(name, path):
        if path not in folders.setdefault(name, []):
            folders[name].append(path)

    return {
        "models_dir": str(base / "models"),
        "add_model_folder_path": add_model_folder_path,
        "get_folder_paths": lambda name: list(folders[name]),
        "get_input_directory": lambda: str(base / "input"),
        "get_output_directory": lambda: str(base / "output"),
        "folder_names_and_paths": {},
        "get_temp_directory": lambda: str(base / "temp"),
        "annotated_filepath": annotated,
        "filter_files_content_types": of_kind,
        "get_save_image_path": save_path,
    }


class Bar:
    """Stands for ComfyUI's ProgressBar and remembers what it was told."""

    made: list = []

    def __init__(self, total):
        self.steps = []
        Bar.made.append(self)

    def update_absolute(self, value, total=None, preview=None):
        self.steps.append((value, total, preview))


@pytest.fixture
def comfy(tmp_path, monkeypatch):
    """Base folder of the stand-in ComfyUI; while it lives, `motion_control.nodes` can be imported."""
    for kind in ("input", "output", "temp"):
        (tmp_path / kind).mkdir()
    Bar.made = []
    modules = {
        "comfy_api": {"__path__": []},
        "comfy_api.latest": _comfy_api(),
        "folder_paths": _folder_paths(tmp_path),
        "comfy": {"__path__": []},
        "comfy.utils": {"ProgressBar": Bar},
        "comfy.cli_args": {"args": types.SimpleNamespace(disable_metadata=False)},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("motion_control.nodes")]:
        del sys.modules[name]
    importlib.import_module("motion_control").__dict__.pop("nodes", None)


@pytest.fixture
def bars(comfy):
    """The progress bars that the node under test made."""
    return Bar.made


@pytest.fixture
def engine(monkeypatch):
    """engine(room, **functions) puts functions into a room of the engine for the time of a test."""

    def put(room, **functions):
        module = types.ModuleType(f"motion_control.engine.{room}")
        module.__dict__.update(functions)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(importlib.import_module("motion_control.engine"), room, module, raising=False)

    return put
