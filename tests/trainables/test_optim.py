"""Tests of optimizers."""

import subprocess
import sys

import torch

from trainables.optim import sgd_of

PROGRAM = """
import sys, torch
from trainables import blur, deconv, online_norm
from trainables.optim import adam_of, rmsprop_of, sgd_of
weight = torch.ones(3, requires_grad=True)
for make in (sgd_of, adam_of, rmsprop_of):
    optimizer = make([weight], lr=0.1)
    weight.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
sys.exit("torch._dynamo" in sys.modules)
"""


def test_training_does_not_import_the_compiler() -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM], check=False).returncode == 0


def test_what_is_done_before_and_after_a_step_is_still_called() -> None:
    weight = torch.ones(2, requires_grad=True)
    optimizer = sgd_of([weight], lr=0.1)
    called = []
    optimizer.register_step_pre_hook(lambda *given: called.append("before"))
    optimizer.register_step_post_hook(lambda *given: called.append("after"))
    weight.sum().backward()
    optimizer.step()
    assert called == ["before", "after"]
    assert weight.tolist() == torch.full((2,), 0.9).tolist()
