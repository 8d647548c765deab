"""The rules of the repository: what ships, what imports what, what is pinned."""

import ast
import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10: pytest brings the package that became tomllib
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("capture", "exchange", "identity", "media", "performance", "render", "restore")
FORBIDDEN_MODULES = {
    "subprocess", "urllib", "requests", "http", "httpx", "aiohttp", "socket", "ftplib", "pip", "pickle", "ctypes",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "__import__", "compile"}
FORBIDDEN_METHODS = {
    "os.system", "os.popen", "os.putenv", "os.environ.update", "os.environ.setdefault", "torch.load", "torch.hub.load",
}  # fmt: skip
HOST = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "execution"}


def is_left_out(path: PurePosixPath, patterns: list[str]) -> bool:
    """What .comfyignore means by its patterns, as far as it uses them: names, *, a leading / and a trailing /."""
    names = [path.as_posix()] if len(path.parts) == 1 else []
    for pattern in patterns:
        folder, anchored = pattern.endswith("/"), pattern.startswith("/")
        bare = pattern.strip("/")
        candidates = path.parts[:-1] if folder else path.parts[-1:]
        if anchored:
            candidates = path.parts[:1] if folder and len(path.parts) > 1 else names
        if any(fnmatch.fnmatch(name, bare) for name in candidates):
            return True
    return False


def shipped_files() -> list[Path]:
    lines = (ROOT / ".comfyignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    found = []
    for folder, folders, names in os.walk(ROOT):
        here = Path(folder).relative_to(ROOT)
        folders[:] = [one for one in folders if not is_left_out(PurePosixPath(here.as_posix(), one, "x"), patterns)]
        found += [ROOT / here / one for one in names if not is_left_out(PurePosixPath(here.as_posix(), one), patterns)]
    return found


SHIPPED = shipped_files()
MODULES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_bytes()) for path in SHIPPED if path.suffix == ".py"}


def imports(name: str) -> set[str]:
    """What a module imports: "torch.nn", or for the pack's own modules their path, "/engine/media"."""
    found = set()
    folder = PurePosixPath("/", name).parent
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            base = folder
            for _ in range(node.level - 1):
                base = base.parent
            base = base.joinpath(*(node.module or "").split("."))
            found.add(str(base))
            found |= {str(base / one.name) for one in node.names if (ROOT / str(base)[1:] / f"{one.name}.py").exists()}
    return found


def roots(name: str) -> set[str]:
    return {one.split(".")[0] for one in imports(name) if not one.startswith("/")}


def test_the_archive_has_what_the_nodes_need_and_no_more():
    names = {path.relative_to(ROOT).as_posix() for path in SHIPPED}
    assert {"__init__.py", "LICENSE", "NOTICE", "pyproject.toml", "requirements.txt", "nodes/__init__.py"} <= names
    assert "web/docs/LoadMotionRef.md" in names and "workflows/Motion Control - portrait.json" in names
    unwanted = ("tests/", "tools/", "docs/", ".ci/", ".venv/", "output/", "quickstart.py")
    assert [name for name in names if name.startswith(unwanted)] == []
    assert [name for name in names if name.endswith((".pkl", ".pt", ".pth", ".bin", ".ckpt", ".exe", ".so"))] == []


@pytest.mark.parametrize("name", MODULES)
def test_what_ships_starts_no_process_and_runs_no_text(name):
    found = roots(name) & FORBIDDEN_MODULES
    for node in ast.walk(MODULES[name]):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in FORBIDDEN_CALLS | FORBIDDEN_METHODS or called.startswith(("os.exec", "os.spawn")):
                found.add(called)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and "os.environ" in ast.unparse(node):
            found.add("os.environ")
    assert found == set()


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_one_way(name):
    room, found = name.split("/")[0], imports(name)
    own = {one for one in found if one.startswith("/")}
    allowed = {
        "models": ("/models",),
        "engine": ("/engine", "/models"),
        "nodes": ("/nodes", "/engine"),
        "cli": ("/cli", "/engine", "/models"),
        "__init__.py": ("/nodes",),
        "__main__.py": ("/cli",),
    }
    allowed["cli.py"] = allowed["cli"]
    assert [one for one in own if not one.startswith(allowed[room])] == []
    # Absolute names would find another pack's folder of the same name, or a second copy of this one.
    assert roots(name) & {"motion_control", "nodes", "engine", "models", "cli"} == set()
    if room != "nodes" and name != "engine/runtime.py":
        assert roots(name) & HOST == set()


@pytest.mark.parametrize("name", [one for one in MODULES if one.startswith(tuple(f"engine/{room}/" for room in ROOMS))])
def test_rooms_meet_at_their_doors(name):
    """A room uses another one through its package, never a module inside it."""
    mine = name.split("/")[1]
    inside = [one for one in imports(name) for room in ROOMS if room != mine and one.startswith(f"/engine/{room}/")]
    assert inside == []


@pytest.mark.parametrize("name", [one for one in MODULES if one.startswith("nodes/")])
def test_a_node_file_is_short(name):
    limit = 120 if name not in ("nodes/support.py", "nodes/files.py") else 150
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= limit


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_requirements_name_what_the_nodes_need_without_torch_or_upper_pins():
    found = requirements("requirements.txt")
    assert {one.name for one in found} == {"av", "numpy", "scipy", "kornia", "safetensors", "pillow"}
    assert [one for one in found for part in one.specifier if part.operator != ">="] == []
    assert [str(one) for one in found] == [str(Requirement(line)) for line in project()["project"]["dependencies"]]


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_constraints_pin_everything_once(python):
    facts = {"python_version": python, "python_full_version": f"{python}.1"}
    pins = [one for one in requirements("constraints.txt") if one.marker is None or one.marker.evaluate(facts)]
    names = [one.name for one in pins]
    assert len(names) == len(set(names))
    assert [one for one in pins for part in one.specifier if part.operator != "=="] == []
    text = (ROOT / "quickstart.py").read_text(encoding="utf-8")
    constants = {node.targets[0].id: node.value for node in ast.parse(text).body if isinstance(node, ast.Assign)}
    extras = ast.literal_eval(constants["EXTRAS"])
    torch = ast.literal_eval(constants["TORCH"])
    assert {one.name for one in requirements("requirements.txt")} | set(extras) | {"torch"} <= set(names)
    assert torch in [str(one) for one in pins]


def test_project_file():
    found = project()
    assert found["project"]["name"] == "motion-control" and found["project"]["license"] == "Apache-2.0"
    assert found["project"]["requires-python"] == ">=3.10"
    assert {"PublisherId", "DisplayName", "Icon", "requires-comfyui"} <= set(found["tool"]["comfy"])
    assert found["tool"]["comfy"]["requires-comfyui"] == ">=0.3.64"
    folders = {PurePosixPath(name).parent for name in MODULES if name.endswith("__init__.py")}
    packages = {".".join(("motion_control", *folder.parts)) for folder in folders}
    packages.add("motion_control.cli")  # installed by pip, not part of the registry archive
    assert set(found["tool"]["setuptools"]["packages"]) == packages


def test_licence_texts():
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence and "Version 2.0, January 2004" in licence
    assert "The MediaPipe Authors" in (ROOT / "NOTICE").read_text(encoding="utf-8")


IMPORT = """
import sys, time, types
latest = types.ModuleType("comfy_api.latest")
latest.io = types.SimpleNamespace(ComfyNode=object, NodeOutput=object, Custom=lambda name: None)
latest.ui = latest.InputImpl = latest.ComfyExtension = type("Stub", (), {})
sys.modules.update({"comfy_api": types.ModuleType("comfy_api"), "comfy_api.latest": latest})
begin = time.perf_counter()
import motion_control.nodes
print(time.perf_counter() - begin, sorted({"torch", "numpy", "av", "scipy", "kornia", "PIL"} & set(sys.modules)))
"""


def test_the_pack_is_imported_in_a_moment_and_loads_nothing_heavy(tmp_path):
    seconds = []
    for _ in range(3):
        said = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True, cwd=tmp_path)
        taken, heavy = said.stdout.strip().split(" ", 1)
        assert heavy == "[]"
        seconds.append(float(taken))
    assert min(seconds) < 0.2


def test_the_example_graphs_agree():
    """The graph for the browser and the one for the tests have the same nodes, links and values."""
    (path,) = ROOT.glob("workflows/*.json")
    example = json.loads(path.read_text(encoding="utf-8"))
    queued = json.loads((ROOT / "tests" / "comfy" / "portrait_api.json").read_text(encoding="utf-8"))
    types = {node["id"]: node["type"] for node in example["nodes"]}
    sockets = {node["id"]: node["inputs"] for node in example["nodes"]}
    drawn = {(types[a], slot, types[b], sockets[b][place]["name"]) for _, a, slot, b, place, _ in example["links"]}
    wired = {
        (queued[value[0]]["class_type"], value[1], node["class_type"], name)
        for node in queued.values()
        for name, value in node["inputs"].items()
        if isinstance(value, list)
    }
    assert {one for one in drawn if one[2] != "PreviewAny"} == wired
