"""How fast trials train on this card: one and five replicates by every strategy, processes beside each other, start-up."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.gpu_cases import NETWORKS, Case, arrays, replicates
from trainables import engine
from trainables.trial.lockstep import LockStep
from trainables.trial.replicate import Replicate
from trainables.trial.strategies import Auto

STEPS = 20  # of an epoch
GIB = 2**30
PROCESSES = 5
Rows = Iterator[dict[str, Any]]


def strategies(device: torch.device, networks: dict[str, Case] = NETWORKS, steps: int = STEPS) -> Rows:
    """Milliseconds a step of all replicates: a plain loop of one network, one and five replicates by each strategy."""
    for title, case in networks.items():
        row: dict[str, Any] = {"net": title, **_plain(case, device, steps)}
        for count in (1, 5):
            row |= {f"{name}{count}": value for name, value in _by_each(case, device, count, steps).items()}
        for name in ("graph5", "serial5"):
            if name in row:
                row[f"{name}_over_serial1"] = row[name] / row["serial1"]
        yield row


def _by_each(case: Case, device: torch.device, count: int, steps: int) -> dict[str, Any]:
    """What `auto` measures in its first two epochs, what it chose, and how long an epoch took by that."""
    images = arrays(-(-steps * case[1]["batch_size"] * 10 // 9))
    made = replicates(case, images, device, count)
    auto = Auto()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    seconds, said, gib = [], [], []
    for epoch in range(3):
        seconds.append(auto.run_epoch(made, epoch, False))
        said.append(auto.why)
        if device.type == "cuda":
            gib.append(round(torch.cuda.max_memory_allocated() / GIB, 3))
    failures = [replicate.failure["message"] for replicate in made if replicate.failure]
    taken = made[0].data.steps_per_epoch(case[1]["batch_size"])
    found: dict[str, Any] = {name: 1000 * value / taken for name, value in auto._seconds.items()}
    found |= {"chosen": auto.used, "epoch_ms": 1000 * seconds[-1] / taken, "gib": gib}
    found |= {"why": [why for why in said if why], "failures": failures} if count > 1 or failures else {}
    if count == 1 and device.type == "cuda":
        found |= _kernels(_of_the_engine(made[0]))
    return found


def _plain(case: Case, device: torch.device, steps: int) -> dict[str, Any]:
    """A loop as one writes it by hand, over the same network and images; how long it keeps the card busy in each layout."""
    step = _loop(case, device)
    for _ in range(4):
        step()
    _wait(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    _wait(device)
    found: dict[str, Any] = {"plain": 1000 * (time.perf_counter() - start) / steps}
    if device.type == "cuda":
        found["busy_nhwc"] = _kernels(step)["busy_ms"]
        found["busy_nchw"] = _kernels(_loop(case, device, torch.contiguous_format))["busy_ms"]
    return found


def _loop(case: Case, device: torch.device, layout: torch.memory_format = torch.channels_last) -> Callable[[], None]:
    """One step of it."""
    (replicate,) = replicates(case, arrays(4 * case[1]["batch_size"]), device)
    model, config, part = replicate.model.train(), replicate.config, replicate.data._train
    if device.type == "cuda":
        model = model.to(memory_format=layout)
    optimizer = replicate.optimizer

    def step() -> None:
        chosen = torch.randint(len(part), (config.batch_size,), device=device)
        images = part.images[chosen].float().sub_(127).div_(64)
        images = torch.where(torch.rand(len(images), device=device)[:, None, None, None] < 0.5, images.flip(3), images)
        if device.type == "cuda":
            images = images.contiguous(memory_format=layout)
        optimizer.zero_grad(set_to_none=True)
        with engine.autocast(device):
            loss = F.cross_entropy(model(images), part.labels[chosen])
        loss.backward()
        optimizer.step()

    return step


def _of_the_engine(replicate: Replicate) -> Callable[[], None]:
    """One step of a replicate."""
    batches = iter(replicate.train_batches(0))
    training = engine.TrainingPass(replicate, 0)
    return lambda: training.step(*next(batches))


def _kernels(step: Callable[[], None]) -> dict[str, Any]:
    """Kernels of the third step, and the milliseconds that the card is busy with them."""
    from torch.profiler import ProfilerActivity, profile

    for _ in range(2):
        step()
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiled:
        step()
        torch.cuda.synchronize()
    kernels = [event for event in profiled.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    busy = sum(event.time_range.elapsed_us() for event in kernels) / 1000
    return {"kernels": len(kernels), "busy_ms": busy}


def second_trial(device: torch.device, depth: int = 20) -> Rows:
    """Seconds that a worker takes to build another trial, and to train its first epoch of two batches."""
    knobs = {"dataset": "digits", "depth": depth, "norm_mode": "batch", "epochs": 2, "train_images": 256}
    for number in range(2):
        start = time.perf_counter()
        trial = LockStep("online_norm", {**knobs, "lr": 0.1 / (number + 1)}, device=device)
        _wait(device)
        built = time.perf_counter() - start
        trial.step()
        yield {"trial": number + 1, "built_s": built, "first_epoch_s": time.perf_counter() - start - built}


def beside_each_other(
    device: torch.device, count: int = PROCESSES, steps: int = STEPS, network: str = "ResNet-20/16 BN b128"
) -> Rows:
    """`count` processes with a replicate each on one card: milliseconds a step of all, and the memory CUDA itself takes."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.gpu_speed", folder, str(count), str(steps), device.type, network]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(count)]
        try:
            answers = [process.communicate(timeout=90)[0] for process in started]
        finally:
            for process in started:
                process.kill()
    found = [json.loads(answer.splitlines()[-1]) for answer in answers]
    yield {
        "processes": count,
        "net": network,
        "step_ms": statistics.median(row["step_ms"] for row in found),
        "context_gib": [round(row["context"] / GIB, 3) for row in found],
    }


def _one_of_several(folder: str, count: int, steps: int, kind: str, network: str) -> None:
    """A process of `beside_each_other`: trains once all are ready."""
    device = torch.device(kind)
    context = 0
    if kind == "cuda":
        torch.cuda.init()
    case = NETWORKS[network]
    (replicate,) = replicates(case, arrays(-(-steps * case[1]["batch_size"] * 10 // 9)), device)
    engine.train_epoch(replicate, 0)
    _wait(device)
    if kind == "cuda":
        context = _used_by_this_process() - torch.cuda.memory_reserved()
    (Path(folder) / str(os.getpid())).touch()
    while len(os.listdir(folder)) < count:
        time.sleep(0.01)
    start = time.perf_counter()
    for epoch in (1, 2):
        engine.train_epoch(replicate, epoch)
    taken = 2 * replicate.data.steps_per_epoch(case[1]["batch_size"])
    print(json.dumps({"step_ms": 1000 * (time.perf_counter() - start) / taken, "context": context}))


def _used_by_this_process() -> int:
    """Bytes of the card by the driver's count; 0 where it does not tell processes apart, as in some containers."""
    asked = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return 0
    of_this = [line.split(",")[1] for line in lines if line.split(",")[0].strip() == str(os.getpid())]
    return int(of_this[0]) * 2**20 if of_this else 0


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    _one_of_several(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
