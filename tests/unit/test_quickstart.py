import ast
import importlib.util
import subprocess
import sys

import pytest


@pytest.fixture
def quickstart(root, tmp_path, monkeypatch):
    """quickstart.py as a module of a copy of its folder: nothing here touches the real .venv."""
    spec = importlib.util.spec_from_file_location("quickstart", root / "quickstart.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.INPUTS:
        (tmp_path / name).write_bytes((root / name).read_bytes())
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "quickstart-stamp")
    return module


@pytest.fixture
def commands(quickstart, monkeypatch):
    """What would have been run; making an environment leaves its Python behind."""
    seen = []

    def step(number, name, command):
        seen.append(command)
        if "venv" in command:
            quickstart.venv_python().parent.mkdir(parents=True, exist_ok=True)
            quickstart.venv_python().touch()

    monkeypatch.setattr(quickstart, "step", step)
    monkeypatch.setattr(quickstart, "environment_version", lambda: "")
    return seen


def test_it_needs_the_standard_library_only(root):
    tree = ast.parse((root / "quickstart.py").read_text(encoding="utf-8"))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("version", [(3, 9), (3, 14), (2, 7)])
def test_another_python_gets_one_sentence(quickstart, version):
    with pytest.raises(quickstart.Stop, match=r"^this is Python [^\n]*3\.10, 3\.11, 3\.12 or 3\.13[^\n]*\.$"):
        quickstart.check_machine(version, "linux", "x86_64")


def test_machines_that_work(quickstart):
    for version in ((3, 10), (3, 11), (3, 12), (3, 13)):
        for system, machine in (("linux", "x86_64"), ("darwin", "arm64"), ("win32", "AMD64")):
            quickstart.check_machine(version, system, machine)
    with pytest.raises(quickstart.Stop, match="Intel"):
        quickstart.check_machine((3, 12), "darwin", "x86_64")


def test_it_installs_torch_first_and_once(quickstart, commands):
    quickstart.prepare()
    made, torch, packages, pack = commands
    assert "venv" in made and torch[-1] == quickstart.TORCH
    assert "-r" in packages and "-c" in packages and set(quickstart.EXTRAS) <= set(packages)
    assert "--no-deps" in pack and "--editable" in pack
    quickstart.prepare()
    assert len(commands) == 4


@pytest.mark.parametrize("name", ["requirements.txt", "constraints.txt", "pyproject.toml"])
def test_it_installs_again_when_a_list_changes(quickstart, commands, name):
    quickstart.prepare()
    with open(quickstart.ROOT / name, "a") as file:
        file.write("\n# changed")
    quickstart.prepare()
    assert len(commands) > 4


def test_a_failed_step_shows_the_end_of_the_log_and_one_sentence(quickstart, capsys):
    text = "print('\\n'.join(map(str, range(50)))); raise SystemExit('No space left on device')"
    failing = [sys.executable, "-c", text]
    with pytest.raises(quickstart.Stop, match="disk is full"):
        quickstart.step(2, "PyTorch", failing)
    shown = capsys.readouterr()
    assert "[2/4] PyTorch: failed" in shown.out and "49" in shown.err and " 20\n" not in shown.err
    assert not quickstart.is_ready()


def test_an_interrupted_installation_is_not_taken_for_a_finished_one(quickstart, commands, monkeypatch):
    quickstart.prepare()
    with open(quickstart.ROOT / "requirements.txt", "a") as file:
        file.write("\n# changed")

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(quickstart, "step", stopped)
    monkeypatch.setattr(quickstart, "check_machine", lambda *_: None)
    assert quickstart.main(["test"]) == 130
    assert not quickstart.is_ready()


@pytest.fixture
def started(quickstart, monkeypatch):
    """The command that quickstart hands over to, and the folder it runs in."""
    seen = []

    class Process:
        def __init__(self, command, cwd=None, env=None):
            seen.append((command, cwd))

        def wait(self):
            return 3

    monkeypatch.setattr(quickstart.subprocess, "Popen", Process)
    return seen


def test_demo_hands_its_arguments_over(quickstart, started):
    assert quickstart.run_in_environment("demo", ["--motion", "clip.mp4"]) == 3
    command, folder = started[0]
    assert command[-5:] == ["-m", "motion_control", "demo", "--motion", "clip.mp4"] and folder is None


@pytest.mark.parametrize("arguments, whole", [([], True), (["-x", "-k", "word"], True), (["tests/unit"], False)])
def test_test_runs_everything_unless_told_what(quickstart, started, arguments, whole):
    (quickstart.ROOT / "tests" / "unit").mkdir(parents=True)
    assert quickstart.run_in_environment("test", arguments) == 3
    command, folder = started[0]
    assert (str(quickstart.ROOT / "tests") in command) == whole
    assert command[len(command) - len(arguments) :] == arguments and folder == quickstart.ROOT


def test_without_a_command_it_explains_itself(root):
    said = subprocess.run([sys.executable, str(root / "quickstart.py")], capture_output=True, text=True)
    assert said.returncode == 2 and "demo" in said.stdout and "test" in said.stdout
    said = subprocess.run([sys.executable, str(root / "quickstart.py"), "--help"], capture_output=True, text=True)
    assert said.returncode == 0


def test_the_check_script_runs_the_test_command_and_nothing_else(root):
    lines = (root / ".ci" / "run").read_text().splitlines()
    doing = [line for line in lines if line and not line.startswith("#")]
    assert doing[-1] == "exec python3 quickstart.py test" and len(doing) == 3
