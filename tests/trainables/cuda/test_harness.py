"""The fake card sees what it is there for: each planted defect is found, and sound code is not accused."""

import pytest
import torch
from torch.autograd import Function

from tests.trainables.cuda.fake_cuda import attempt, fake_cuda

HOST = torch.ones(4)


class HostInBackward(Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * HOST


DEFECTS = {
    "a constant of the host in the forward pass": ("mixed", lambda x: x + HOST),
    "a constant of the host in the backward pass": ("mixed", lambda x: HostInBackward.apply(x).sum().backward()),
    "an index of the host": ("mixed", lambda x: x[torch.tensor([0, 1])]),
    "a generator of the host": ("mixed", lambda x: torch.randn(4, generator=torch.Generator(), device="cuda")),
    "a number read": ("waits", lambda x: x.sum().item()),
    "a branch on a number": ("waits", lambda x: 1 if x.isfinite().all() else 0),
    "an index by a mask": ("waits", lambda x: x[x > 0]),
    "the positions of what is not zero": ("waits", lambda x: x.nonzero()),
    "a copy to the host": ("waits", lambda x: x.detach().cpu()),
    "a comparison of all": ("waits", lambda x: torch.equal(x, x)),
    "a constant made at each step": ("copies", lambda x: x * torch.tensor([1.0, 2, 3, 4], device="cuda")),
    "a constant made like a tensor at each step": ("copies", lambda x: x * x.new_tensor([1.0, 2, 3, 4])),
    "a pageable copy that is not waited for": ("copies", lambda x: HOST.to("cuda", non_blocking=True)),
    "a pinned copy that is waited for": ("copies", lambda x: HOST.pin_memory().to("cuda")),
    "a copy into a tensor of the card": ("copies", lambda x: x.detach()[0].copy_(HOST)),
    "double precision": ("wide", lambda x: x.double() + 1),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_seen(name):
    kind, defect = DEFECTS[name]
    with fake_cuda() as seen:
        x = torch.randn(4, 4, device="cuda", requires_grad=True)
        seen.clear()
        attempt(lambda: defect(x))
    assert getattr(seen, kind), f"{name}: nothing seen under {kind}"
    assert seen.problems()


def test_sound_code_is_not_accused():
    with fake_cuda() as seen:
        x = torch.randn(4, 4, device="cuda", requires_grad=True)
        (x @ x).relu().sum().backward()
        HOST.pin_memory().to("cuda", non_blocking=True)
        total = torch.zeros((), dtype=torch.float64, device="cuda")
        total += x.detach().sum()
    assert not seen.problems()
    assert x.grad is not None
    assert x.grad.device.type == "cuda"
    assert sum(seen.uploads.values()) == 1


def test_kernels_are_counted_and_views_are_not():
    with fake_cuda() as seen:
        x = torch.randn(4, 4, device="cuda")
        seen.clear()
        (x.view(16) + 1).view(4, 4).t().relu()
    assert sum(seen.kernels.values()) == 2


def test_the_walk_gives_the_gradients_of_torch_itself():
    """On the host, where both can run: through views, broadcasting, a tensor used twice and a function of Python."""
    from tests.trainables.cuda import autograd

    def loss(a, b):
        hidden = (a @ b + b[0]).relu()
        return (HostInBackward.apply(hidden) * hidden.t().exp()).mean()

    generator = torch.Generator().manual_seed(0)
    leaves = [torch.randn(4, 4, generator=generator, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    loss(*leaves).backward()
    expected = [leaf.grad.clone() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    with autograd.in_python():
        loss(*leaves).backward()
    for leaf, grad in zip(leaves, expected, strict=True):
        torch.testing.assert_close(leaf.grad, grad, rtol=1e-12, atol=1e-12)


def test_nothing_of_it_stays_behind():
    before = torch.Tensor.backward, torch.nn.Module._apply, torch.autograd.Function.apply
    with fake_cuda():
        pass
    assert (torch.Tensor.backward, torch.nn.Module._apply, torch.autograd.Function.apply) == before
    assert not torch.ones(1).is_pinned()
