"""The one place in the engine that knows ComfyUI: device, memory, networks and interruption.

Without ComfyUI the same functions answer with plain torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")


def comfy_model_management():
    """ComfyUI's model management when this process is a ComfyUI server, else None."""
    return sys.modules.get("comfy.model_management")


def device() -> torch.device:
    """The device heavy work should run on."""
    management = comfy_model_management()
    if management is not None:
        return management.get_torch_device()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def offload_device() -> torch.device:
    """Where the weights of a network wait between its runs."""
    management = comfy_model_management()
    if management is not None:
        return management.unet_offload_device()
    return torch.device("cpu")


def check_interrupted() -> None:
    """Raises ComfyUI's own interruption when the user pressed cancel."""
    management = comfy_model_management()
    if management is not None:
        management.throw_exception_if_processing_interrupted()


class ManagedNetwork:
    """A torch module that ComfyUI may move between devices like any of its models.

    `on_device()` returns the module with its weights on `device()`. Call it before every run, not once: between
    two runs another model may have pushed this one out.
    """

    def __init__(self, module: torch.nn.Module):
        self.module = module.eval().requires_grad_(False)
        self._patcher = None

    def on_device(self, memory_required: int = 0) -> torch.nn.Module:
        """memory_required: bytes that the run needs beside the weights, 0 = unknown."""
        management = comfy_model_management()
        if management is None:
            return self.module.to(device())
        if self._patcher is None:
            self._patcher = self._make_patcher()
        management.load_models_gpu([self._patcher], memory_required=memory_required)
        return self.module

    def _make_patcher(self):
        import comfy.model_patcher

        # The newer class answers for dynamic loading; older cores have only the plain one.
        patcher_class = getattr(comfy.model_patcher, "CoreModelPatcher", comfy.model_patcher.ModelPatcher)
        # Not `self.module.to(...)`: the manager moves the weights, and they start where they wait.
        return patcher_class(self.module, load_device=device(), offload_device=offload_device())


_networks: dict[str, ManagedNetwork] = {}


def place_networks() -> None:
    """Lets `models.loading` ask here where a network runs: under ComfyUI's management, else on `device()`.

    Cheap and safe to call again; capture and identity call it before they load a network.
    """
    from ..models import loading

    operations = None
    if comfy_model_management() is not None:
        import comfy.ops

        # Plain layers, but ones whose weights ComfyUI may keep elsewhere when memory is short.
        operations = comfy.ops.disable_weight_init
    loading.set_placement(_place, operations)


def _place(module: torch.nn.Module, name: str) -> tuple[torch.nn.Module, torch.device, torch.dtype]:
    if name not in _networks or _networks[name].module is not module:
        _networks[name] = ManagedNetwork(module)
    return _networks[name].on_device(), device(), torch.float32


def out_of_memory_errors() -> tuple[type[BaseException], ...]:
    management = comfy_model_management()
    if management is not None:
        errors = management.OOM_EXCEPTION
        # Where torch has no such error ComfyUI says `Exception`: retrying on everything would hide mistakes.
        if errors is not Exception:
            return errors if isinstance(errors, tuple) else (errors,)
    return (torch.cuda.OutOfMemoryError,)


def free_memory() -> None:
    """Gives cached device memory back."""
    management = comfy_model_management()
    if management is not None:
        management.soft_empty_cache()
    elif torch.cuda.is_available():
        torch.cuda.empty_cache()


def with_smaller_batches(run: Callable[[int], T], batch: int) -> T:
    """run(batch), again with half the batch each time the device is out of memory; raises at a batch of one."""
    while True:
        try:
            return run(batch)
        except out_of_memory_errors():
            if batch <= 1:
                raise
        free_memory()
        batch = (batch + 1) // 2
