"""Loads the networks of the pack and remembers them.

`set_placement` lets the host (ComfyUI's model management) decide where a network lives; without it the networks run on
the CPU in float32.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from .graph import GraphNetwork

WEIGHTS = Path(__file__).parent / "weights"

Placement = Callable[[nn.Module, str], tuple[nn.Module, torch.device, torch.dtype]]

_lock = threading.Lock()
_built: dict[str, GraphNetwork] = {}
_placement: Placement | None = None
_operations: Any = nn


def set_placement(function: Placement | None, operations: Any = None) -> None:
    """Give the placement of the networks to somebody.

    `function(module, name)` is called on every `load`; it puts the module where it shall run and returns
    (module, device, dtype) with the device and dtype its input must have. It may load and unload as it likes; the same
    module comes in for the same name. float32 is recommended: landmarks are in pixels up to 256, where float16
    resolves 1/8 of a pixel. `operations` is the namespace of `Conv2d`, `ConvTranspose2d` and `Linear` (default:
    `torch.nn`) for modules built from now on. `None` brings back the default, CPU and float32.
    """
    global _placement, _operations
    with _lock:
        operations = operations or nn
        if operations is not _operations:
            _built.clear()
        _placement, _operations = function, operations


def load(name: str) -> tuple[nn.Module, torch.device, torch.dtype]:
    """The network in models/weights/<name>.safetensors, ready to run, with the device and dtype of its input.

    Raises FileNotFoundError if there is no such file.
    """
    with _lock:
        if name not in _built:
            _built[name] = build(WEIGHTS / f"{name}.safetensors", _operations)
        return _placed(_built[name], name)


def place(module: nn.Module, name: str) -> tuple[nn.Module, torch.device, torch.dtype]:
    """A network that is not the pack's own, ready to run, with the device and dtype of its input."""
    with _lock:
        return _placed(module, name)


def _placed(module: nn.Module, name: str) -> tuple[nn.Module, torch.device, torch.dtype]:
    if _placement is None:
        return module, torch.device("cpu"), torch.float32
    return _placement(module, name)


def operations() -> Any:
    """The namespace of layers that networks are built from."""
    return _operations


def build(path: Path, operations: Any = nn) -> GraphNetwork:
    """A network from a converted file, in float32 on the CPU."""
    if not path.is_file():
        raise FileNotFoundError(f"The network file {path.name} is missing in {path.parent}; reinstall the pack.")
    with safe_open(path, framework="pt") as file:
        graph = json.loads(file.metadata()["graph"])
        state = {key: file.get_tensor(key) for key in file.keys()}
    state = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    extras = {key: value for key, value in state.items() if "." not in key}
    network = GraphNetwork(graph, extras, operations)
    network.load_state_dict(state)
    return network.eval().to(memory_format=torch.channels_last)
