"""One training step of a CIFAR network: network deconvolution against batch normalisation, side by side.

    python -m benchmarks.deconv_step
    python -m benchmarks.deconv_step --arch vgg11 --blocks 16 32 64 --pairs 3
    python -m benchmarks.deconv_step --device cuda

A step is forward, cross-entropy, backward and SGD with momentum on one batch of 128 random images, as the family trains:
on the CPU in float32, on CUDA channels-last under bfloat16 autocast (the layers keep their roots in float32). On the CPU
what is compared is CPU time of one thread, which other processes disturb less than the time passed; each block is timed
in turn with batch normalisation. Goals for ResNet-18: at most 1.75 times the step of batch normalisation at block 64 and
1.15 times at block 32; the published code takes 2.19 and 1.66 times on one CPU thread.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.harness import hardware, paired
from benchmarks.training_step import training_step
from trainables.config.deconv import DeconvConfig
from trainables.deconv import FAMILY
from trainables.plans.deconv_networks import ARCHS

GOALS = {("resnet", 64): 1.75, ("resnet", 32): 1.15}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=ARCHS, default="resnet", help="network (default resnet, which is ResNet-18)")
    parser.add_argument("--blocks", type=int, nargs="+", default=[64, 32], help="channels in a block (default 64 32)")
    parser.add_argument("--batch-size", type=int, default=128, help="images in a batch (default 128)")
    parser.add_argument("--pairs", type=int, default=5, help="timed pairs for each block (default 5)")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = parser.parse_args()

    torch.set_num_threads(1)
    device = torch.device(options.device)
    on_cpu = device.type == "cpu"
    plain = DeconvConfig(dataset="cifar10", arch=options.arch, norm="bn", batch_size=options.batch_size)
    machine = hardware() if on_cpu else torch.cuda.get_device_name()
    kind = "CPU ms of one thread" if on_cpu else "wall ms"
    print(f"{machine}; torch {torch.__version__}, {options.arch}, batch {options.batch_size}")
    print(f"one training step, median of {options.pairs}: {kind}")
    print(f"{'block':>6}{'deconv':>10}{'bn':>10}{'ratio':>8}   pairs          goal")
    normalised = training_step(FAMILY, plain, device)
    for block in options.blocks:
        ratio = paired(
            training_step(FAMILY, plain.model_copy(update={"norm": "deconv", "block": block}), device),
            normalised,
            repeats=options.pairs,
            clock=time.process_time if on_cpu else time.perf_counter,
        )
        goal = GOALS.get((options.arch, block))
        print(
            f"{block:>6}{1000 * ratio.seconds_a:>10.1f}{1000 * ratio.seconds_b:>10.1f}{ratio.median:>8.3f}"
            f"   {ratio.low:.3f} to {ratio.high:.3f}{f' at most {goal}' if goal else '':>15}",
            flush=True,
        )


if __name__ == "__main__":
    main()
