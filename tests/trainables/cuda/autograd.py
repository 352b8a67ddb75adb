"""`Tensor.backward` as a walk over the graph's nodes in Python: torch's own engine refuses a card that is not there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.autograd import Function

_OWNER = next(cls for cls in Function.__mro__ if "apply" in cls.__dict__)
_APPLY = _OWNER.__dict__["apply"]


@contextmanager
def in_python() -> Iterator[None]:
    """Gradients without torch's engine. First derivatives only; hooks on gradients are not called."""
    Function.apply = classmethod(_remembering)  # type: ignore[assignment]
    try:
        with mock.patch.object(Tensor, "backward", backward):
            yield
    finally:
        if _OWNER is Function:
            Function.apply = _APPLY
        else:
            del Function.apply


def _remembering(cls: Any, *args: Any, **kwargs: Any) -> Any:
    """`Function.apply`, whose node then knows which of its arguments were tensors: its backward speaks of all."""
    result = _APPLY.__get__(None, cls)(*args, **kwargs)
    for tensor in result if isinstance(result, tuple) else (result,):
        if isinstance(tensor, Tensor) and _is_function(tensor.grad_fn):
            tensor.grad_fn._of_tensors = [isinstance(argument, Tensor) for argument in args]  # type: ignore[union-attr]
    return result


def backward(self: Tensor, gradient: Tensor | None = None, **_: Any) -> None:
    """Add the gradient of `self` to `.grad` of every leaf it depends on."""
    root = self.grad_fn
    assert root is not None, "backward of a tensor that depends on nothing trained"
    pending = _uses(root)
    collected: dict[Any, dict[int, Tensor]] = defaultdict(dict)
    collected[root][self.output_nr] = torch.ones_like(self) if gradient is None else gradient
    ready = [root]
    # Recomputation asks under which walk of torch's engine it is called.
    walk = mock.patch.object(torch._C, "_current_graph_task_id", return_value=1)
    with walk, torch.no_grad(), torch.autocast("cuda", enabled=False), torch.autocast("cpu", enabled=False):
        while ready:
            node = ready.pop()
            given = collected.pop(node, {})
            if type(node).__name__ == "AccumulateGrad":
                _accumulate(node.variable, given.get(0))
                continue
            results = _call(node, _ordered(node, given))
            for (following, number), grad in zip(node.next_functions, results, strict=False):
                if following is None:
                    continue
                if grad is not None:
                    _add(collected[following], number, _fitting(following, number, grad))
                pending[following] -= 1
                if pending[following] == 0:
                    ready.append(following)


def _uses(root: Any) -> Counter[Any]:
    """How many gradients each node below `root` waits for."""
    pending: Counter[Any] = Counter()
    stack, known = [root], {root}
    while stack:
        for following, _ in stack.pop().next_functions:
            if following is None:
                continue
            pending[following] += 1
            if following not in known:
                known.add(following)
                stack.append(following)
    return pending


def _ordered(node: Any, given: dict[int, Tensor]) -> list[Tensor | None]:
    """The gradients of a node's outputs in their order and types; None where there is none."""
    metadata = getattr(node, "_input_metadata", None) or ()
    grads = [given.get(number) for number in range(max([*given, 0, len(metadata) - 1]) + 1)]
    for number, of_output in enumerate(metadata):
        grad = grads[number]
        if grad is not None and hasattr(of_output, "dtype") and grad.dtype != of_output.dtype:
            grads[number] = grad.to(of_output.dtype)
    return grads


def _call(node: Any, grads: list[Tensor | None]) -> list[Tensor | None]:
    if not _is_function(node):
        result = node(*grads)
        return list(result) if isinstance(result, tuple) else [result]
    result = node.apply(*grads)
    result = result if isinstance(result, tuple) else (result,)
    of_tensors = getattr(node, "_of_tensors", [True] * len(result))
    return [grad for grad, wanted in zip(result, of_tensors, strict=False) if wanted]


def _is_function(node: Any) -> bool:
    """Whether it is of a `torch.autograd.Function` written in Python."""
    return node is not None and hasattr(node, "apply") and not type(node).__module__.startswith("torch._C")


def _fitting(node: Any, number: int, grad: Tensor) -> Tensor:
    """A gradient summed to the shape of what it is the gradient of."""
    metadata = getattr(node, "_input_metadata", None)
    if not metadata or number >= len(metadata) or tuple(metadata[number].shape) == tuple(grad.shape):
        return grad
    return grad.sum_to_size(tuple(metadata[number].shape))


def _add(sums: dict[int, Tensor], number: int, grad: Tensor) -> None:
    sums[number] = sums[number] + grad if number in sums else grad


def _accumulate(variable: Tensor, grad: Tensor | None) -> None:
    if grad is None:
        return
    if grad.shape != variable.shape:
        grad = grad.sum_to_size(variable.shape)
    assert grad.device == variable.device, f"a gradient on {grad.device} of a parameter on {variable.device}"
    grad = grad.to(variable.dtype).detach()
    variable.grad = grad if variable.grad is None else variable.grad + grad
