"""Peak memory of a training step of the deep networks of BatchNorm-only training, predicted and measured.

    python -m benchmarks.bn_only_memory
    python -m benchmarks.bn_only_memory --name cifar_freeze_866 --batch-size 128 --recompute-blocks 17

Each way of training is one process, so that its peak is its own: the resident set after two steps of one thread on random
images, less what the process had before it built the network. Predicted: the maps kept for the backward pass, by the closed
forms that a launch is checked with.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys

from benchmarks.harness import hardware
from trainables.plans import bn_counts
from trainables.plans.bn_names import parse_name

MIB = 2**20
# (name, batch size, recompute_blocks); the middle three are the ways to train one and the same network
CASES = (
    ("cifar_resnet_434", 32, 0),
    ("cifar_freeze_434", 32, 0),
    ("cifar_freeze_434", 32, 1),
    ("cifar_freeze_434", 32, 14),
    ("cifar_freeze_866", 32, 20),
)


def measured(name: str, batch_size: int, recompute_blocks: int) -> float:
    """Peak bytes of two steps in this process."""
    import torch
    from torch.nn import functional as F

    from trainables.bn_only import FAMILY, BNOnlyConfig, build

    torch.set_num_threads(1)
    F.conv2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 3, 3))  # the libraries' own memory
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    config = BNOnlyConfig.model_validate({"name": name, "recompute_blocks": recompute_blocks})
    model = build(config).train()
    optimizer = FAMILY.build_optimizer(config, model)
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.randn(batch_size, 3, 32, 32)), torch.randint(0, 10, (batch_size,)))
        loss.backward()
        optimizer.step()
    return 1024.0 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def predicted(name: str, batch_size: int, recompute_blocks: int) -> float:
    """Bytes kept for the backward pass, and the weights with gradient and momentum of what is trained."""
    parsed = parse_name(name)
    plan = bn_counts.plan(parsed.depth, parsed.width)
    trainable_set = "bn" if parsed.kind == "freeze" else "all"
    weights = bn_counts.FLOAT * (sum(plan.parameters().values()) + 2 * plan.trainable(trainable_set))
    return weights + batch_size * plan.kept_bytes(trainable_set, recompute_blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", help="of one network, in place of the usual cases")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--recompute-blocks", type=int, default=0)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    case = (options.name, options.batch_size, options.recompute_blocks)
    if options.child:
        print(json.dumps(measured(*case)))
        return
    print(hardware())
    print(f"{'network':<18}{'batch':>6}{'recompute':>11}{'predicted MiB':>15}{'measured MiB':>14}")
    for name, batch_size, blocks in [case] if options.name else CASES:
        command = [sys.executable, "-m", "benchmarks.bn_only_memory", "--child", "--name", name]
        command += ["--batch-size", str(batch_size), "--recompute-blocks", str(blocks)]
        peak = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        kept = predicted(name, batch_size, blocks)
        print(f"{name:<18}{batch_size:>6}{blocks:>11}{kept / MIB:>15.0f}{peak / MIB:>14.0f}", flush=True)


if __name__ == "__main__":
    main()
