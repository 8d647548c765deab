"""Two commands on a fresh machine: `demo` makes a video, `test` runs the tests.

    python3 quickstart.py demo [--motion FILE --character FILE ...]
    python3 quickstart.py test [pytest arguments]

Both make the environment `.venv` beside this file first; the next time they only look at a stamp. This file
uses the standard library alone and runs on Linux, macOS and Windows with Python 3.10 to 3.13.
"""

from __future__ import annotations  # so that an old Python gets as far as the sentence for it

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "quickstart-stamp"
TORCH = "torch==2.13.0"
# Two public-domain portraits travel in the first two; the others serve the command line and the tests.
EXTRAS = ("scikit-image", "matplotlib", "tqdm", "psutil", "pytest")
INPUTS = ("requirements.txt", "constraints.txt", "pyproject.toml")
LOG_TAIL = 15
NO_NETWORK = ("Temporary failure", "NewConnectionError", "ConnectTimeout", "Max retries", "getaddrinfo")


class Stop(Exception):
    """A sentence for the user; ends the program."""


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in ("demo", "test"):
        print(__doc__.strip())
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    command, rest = arguments[0], arguments[1:]
    try:
        check_machine(sys.version_info[:2], sys.platform, platform.machine())
        prepare()
        return run_in_environment(command, rest)
    except Stop as stop:
        print(f"quickstart: {stop}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nquickstart: stopped.", file=sys.stderr)
        return 130


def check_machine(version: tuple, system: str, machine: str) -> None:
    """Raises Stop where no PyTorch build exists, before anything is downloaded."""
    if not (3, 10) <= version <= (3, 13):
        other = next(filter(shutil.which, ("python3.12", "python3.13", "python3.11", "python3.10")), None)
        remedy = f"`{other} quickstart.py` has one" if other else "install one of them and run this with it"
        raise Stop(f"this is Python {version[0]}.{version[1]}, and 3.10, 3.11, 3.12 or 3.13 is needed; {remedy}.")
    if system == "darwin" and machine == "x86_64":
        raise Stop("PyTorch has no build for Macs with an Intel processor: use a Mac with an Apple chip.")


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def fingerprint() -> str:
    """Changes whenever the environment would have to be made again."""
    digest = hashlib.sha256()
    facts = [str(ROOT), TORCH, *EXTRAS, f"{sys.version_info[0]}.{sys.version_info[1]}"]
    digest.update("\n".join(facts).encode())
    for name in INPUTS:
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def is_ready() -> bool:
    return venv_python().exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == fingerprint()


def prepare() -> None:
    """Makes `.venv` and installs into it, unless the stamp says that this was done."""
    if is_ready():
        return
    print("Preparing the environment in .venv (once; PyTorch is a large download).", flush=True)
    STAMP.unlink(missing_ok=True)
    if environment_version() != f"{sys.version_info[0]}.{sys.version_info[1]}":
        step(1, "virtual environment", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    pip = [str(venv_python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    constrained = ["-c", str(ROOT / "constraints.txt")]
    step(2, "PyTorch", [*pip, TORCH])
    step(3, "packages", [*pip, TORCH, "-r", str(ROOT / "requirements.txt"), *EXTRAS, *constrained])
    step(4, "Motion Control", [*pip, "--no-deps", "--editable", str(ROOT)])
    STAMP.write_text(fingerprint(), encoding="utf-8")


def environment_version() -> str:
    """The Python that `.venv` was made with, "3.12"; "" when there is none that runs."""
    if not venv_python().exists():
        return ""
    ask = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
    answer = subprocess.run([str(venv_python()), "-c", ask], capture_output=True, text=True)
    return answer.stdout.strip()


def step(number: int, name: str, command: list[str]) -> None:
    """Runs one part of the installation; a line says what runs and for how long, the log is shown when it fails."""
    line = f"  [{number}/4] {name}"
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=ROOT)
        try:
            watch(process, line, started)
        except KeyboardInterrupt:
            process.terminate()
            process.wait()
            raise
        log.seek(0)
        tail = log.read().splitlines()[-LOG_TAIL:]
    outcome = "failed" if process.returncode else "done"
    print(f"{line}: {outcome} in {time.monotonic() - started:.0f} s", flush=True)
    if process.returncode:
        print("\n".join(f"    {text}" for text in tail), file=sys.stderr)
        raise Stop(advice(name, "\n".join(tail)))


def watch(process: subprocess.Popen, line: str, started: float) -> None:
    """Waits; on a terminal the seconds count up, elsewhere one line says that the step began."""
    if not sys.stdout.isatty():
        print(f"{line} ...", flush=True)
        process.wait()
        return
    while process.poll() is None:
        print(f"\r{line} ... {time.monotonic() - started:.0f} s ", end="", flush=True)
        time.sleep(0.5)
    print("\r", end="")


def advice(name: str, tail: str) -> str:
    if "ensurepip" in tail:
        return "this Python cannot make virtual environments: install its venv package (on Debian, python3-venv)."
    if "No space left" in tail or "Errno 28" in tail:
        return f"the disk is full: free about 8 GB for {ROOT}."
    if any(word in tail for word in NO_NETWORK):
        return f"{name} could not be downloaded: check the network connection and run the same command again."
    return f"{name} could not be installed; the lines above are the end of the log."


def run_in_environment(command: str, rest: list[str]) -> int:
    if command == "demo":
        arguments = ["-m", "motion_control", "demo", *rest]
    else:
        arguments = ["-m", "pytest", *([] if names_tests(rest) else [str(ROOT / "tests")]), *rest]
    # -P: the repository's folders (nodes, models, ...) are no top-level packages, wherever this is started.
    safe_path = ["-P"] if sys.version_info >= (3, 11) else []
    # The user's own folder stays current for the demo, so that `--motion clip.mp4` means what it says.
    folder = ROOT if command == "test" else None
    # Threads of torch that wait stay awake for some 20 microseconds, then leave the cores to others (see __main__.py).
    variables = {"GOMP_SPINCOUNT": "20000", **os.environ}
    process = subprocess.Popen([str(venv_python()), *safe_path, *arguments], cwd=folder, env=variables)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # the child got the same signal and says what it has to say


def names_tests(arguments: list[str]) -> bool:
    return any((ROOT / argument.split("::")[0]).exists() for argument in arguments if not argument.startswith("-"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
