"""A real ComfyUI server with the pack in it.

COMFYUI_PATH names the ComfyUI to use, ~/ComfyUI is tried without it. Its own .venv (or venv) runs it when it has one.
MOTION_CONTROL_COMFY_SHIM names an optional folder with a sitecustomize.py that goes on the server's PYTHONPATH, for
machines where parts of ComfyUI need help to import; without the variable ../shared/comfyui is used where it exists.
Without any ComfyUI these tests are reported as not run.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PACK = HERE.parent.parent
START_SECONDS = 180
NOT_RUN = "NOT RUN: no ComfyUI found, so the nodes were not tried in a real one (set COMFYUI_PATH to its folder)"


def comfyui_path() -> Path | None:
    path = Path(os.environ.get("COMFYUI_PATH") or Path.home() / "ComfyUI")
    return path if (path / "main.py").is_file() else None


def pytest_collection_modifyitems(items):
    mine = [item for item in items if HERE in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.comfy)
    if mine and comfyui_path() is None:
        warnings.warn(NOT_RUN, stacklevel=1)
        for item in mine:
            item.add_marker(pytest.mark.skip(reason=NOT_RUN))


def pytest_terminal_summary(terminalreporter):
    not_run = [one for one in terminalreporter.stats.get("skipped", []) if NOT_RUN in str(one.longrepr)]
    if not_run:
        terminalreporter.section("ComfyUI", sep="!", red=True, bold=True)
        terminalreporter.line(f"{len(not_run)} tests {NOT_RUN}.", red=True, bold=True)


class Server:
    """A running ComfyUI and what a browser would ask of it."""

    def __init__(self, base: Path, port: int):
        self.base, self.address = base, f"http://127.0.0.1:{port}"
        self.log = base / "server.log"

    def get(self, path: str, **query) -> bytes:
        with urllib.request.urlopen(f"{self.address}{path}?{urllib.parse.urlencode(query)}", timeout=30) as answer:
            return answer.read()

    def get_json(self, path: str, **query):
        return json.loads(self.get(path, **query))

    def post(self, path: str, content: dict):
        """Returns (status, JSON)."""
        body = json.dumps(content).encode()
        request = urllib.request.Request(self.address + path, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read() or b"null")

    def queue(self, graph: dict, **extra_data) -> str:
        status, answer = self.post("/prompt", {"prompt": graph, "extra_data": extra_data})
        assert status == 200, answer
        return answer["prompt_id"]

    def refusal(self, graph: dict) -> list[str]:
        """The messages with which ComfyUI refuses a graph before it runs."""
        status, answer = self.post("/prompt", {"prompt": graph})
        assert status == 400, answer
        return [error["details"] for node in answer["node_errors"].values() for error in node["errors"]]

    def wait(self, prompt_id: str, seconds: float = 240) -> dict:
        """The history entry of a finished run."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            history = self.get_json(f"/history/{prompt_id}")
            if prompt_id in history:
                return history[prompt_id]
            time.sleep(0.05)
        pytest.fail(f"no result after {seconds} s; the end of the server's log:\n{self.tail()}")

    def run(self, graph: dict, **extra_data) -> dict:
        result = self.wait(self.queue(graph, **extra_data))
        error = self.error(result)
        assert result["status"]["status_str"] == "success", error.get("exception_message", error)
        return result

    def failure(self, graph: dict) -> dict:
        """The error message of a run that must fail."""
        result = self.wait(self.queue(graph))
        assert result["status"]["status_str"] == "error", result["outputs"]
        return self.error(result)

    @staticmethod
    def messages(result: dict, kind: str) -> list[dict]:
        return [content for name, content in result["status"]["messages"] if name == kind]

    def error(self, result: dict) -> dict:
        return (self.messages(result, "execution_error") or [result["status"]])[0]

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def server_python(comfyui: Path) -> str:
    for name in (".venv", "venv"):
        for inside in ("bin/python", "Scripts/python.exe"):
            if (comfyui / name / inside).exists():
                return str(comfyui / name / inside)
    return sys.executable


def environment() -> dict:
    """The server's environment, with the optional sitecustomize folder."""
    variables = {**os.environ, "PYTHONUNBUFFERED": "1"}
    shim = os.environ.get("MOTION_CONTROL_COMFY_SHIM") or PACK.parent / "shared" / "comfyui"
    if Path(shim).is_dir():
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(shim), os.environ.get("PYTHONPATH")]))
    return variables


def install_pack(custom_nodes: Path) -> None:
    custom_nodes.mkdir()
    try:
        os.symlink(PACK, custom_nodes / "motion-control", target_is_directory=True)
    except OSError:
        unwanted = shutil.ignore_patterns(".venv", ".git", "output", "__pycache__", "tests")
        shutil.copytree(PACK, custom_nodes / "motion-control", ignore=unwanted)


@pytest.fixture(scope="session")
def server(tmp_path_factory, sample_media):
    comfyui = comfyui_path()
    base = tmp_path_factory.mktemp("comfyui")
    for folder in ("input", "output", "temp", "models", "user"):
        (base / folder).mkdir()
    install_pack(base / "custom_nodes")
    for file in sample_media.iterdir():
        if file.is_file():
            shutil.copy(file, base / "input")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Server(base, port)
    command = [server_python(comfyui), "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)]
    command += ["--disable-auto-launch", "--base-directory", str(base), "--database-url", "sqlite:///:memory:"]
    with open(running.log, "w") as log:
        process = subprocess.Popen(command, cwd=comfyui, env=environment(), stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_up(running, process)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_up(server: Server, process: subprocess.Popen) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            pytest.fail(f"ComfyUI ended while it started:\n{server.tail()}")
        try:
            server.get("/system_stats")
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"ComfyUI did not start within {START_SECONDS} s:\n{server.tail()}")


@pytest.fixture
def graph() -> dict:
    """The example graph in API form, to be changed at will."""
    return json.loads((HERE / "portrait_api.json").read_text(encoding="utf-8"))
