"""How loaded a worker's machine is: CPUs and memory by psutil, GPUs by NVML, both as Ray brings them along."""

from __future__ import annotations

import json
import time
from typing import Any

import ray

try:
    import psutil  # Ray's copy, where there is no other
except ImportError:
    psutil = None

_SECONDS = 5.0  # between two looks


class Meter:
    """The load of this machine, whoever causes it, looked at now and then."""

    def __init__(self) -> None:
        self._due = 0.0
        _cpu_share()  # counts from here on

    def report(self) -> str | None:
        """JSON for the driver: `node` (Ray's id), `time`, `busy` (the share of the CPUs since the last look), `used` and
        `memory` in bytes, `gpus` (name, busy, used, memory); None when the last look was a moment ago, or outside of a Ray."""
        now = time.monotonic()
        if now < self._due or not ray.is_initialized():  # to ask Ray for the node would start one
            return None
        self._due = now + _SECONDS
        used, memory = _memory()
        said = {"time": time.time(), "busy": _cpu_share(), "used": used, "memory": memory, "gpus": _gpus()}
        return json.dumps({"node": ray.get_runtime_context().get_node_id(), **said})


def _cpu_share() -> float | None:
    return None if psutil is None else min(1.0, float(psutil.cpu_percent(None)) / 100)


def _memory() -> tuple[int | None, int | None]:
    if psutil is None:
        return None, None
    memory = psutil.virtual_memory()
    return int(memory.total - memory.available), int(memory.total)


def _gpus() -> list[dict[str, Any]]:
    """Every GPU of the machine; none where NVML is not there or does not answer."""
    try:
        import ray._private.thirdparty.pynvml as nvml

        nvml.nvmlInit()
    except Exception:  # no driver, or a Ray without it: nobody misses what is only shown
        return []
    try:
        return [_gpu(nvml, nvml.nvmlDeviceGetHandleByIndex(index)) for index in range(nvml.nvmlDeviceGetCount())]
    except Exception:  # a card in a state that NVML cannot describe
        return []
    finally:
        nvml.nvmlShutdown()


def _gpu(nvml: Any, card: Any) -> dict[str, Any]:
    name = nvml.nvmlDeviceGetName(card)
    memory = nvml.nvmlDeviceGetMemoryInfo(card)
    try:
        busy: float | None = nvml.nvmlDeviceGetUtilizationRates(card).gpu / 100
    except nvml.NVMLError:  # a slice of a card has none
        busy = None
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return {"name": text, "busy": busy, "used": int(memory.used), "memory": int(memory.total)}
