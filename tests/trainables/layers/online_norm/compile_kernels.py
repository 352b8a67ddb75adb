"""Compile every kernel of Online Normalization for a card that need not be there; started as a process of its own.

    python -m tests.trainables.layers.online_norm.compile_kernels 90

Prints the kernels with the registers that did not fit, in bytes of memory a thread. Triton looks at TRITON_INTERPRET
once, when it is imported, so the process that interprets kernels cannot compile them.
"""

from __future__ import annotations

import re
import sys
from inspect import signature
from itertools import product

import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from trainables.layers.online_norm import kernels as online_kernels
from trainables.layers.online_norm.operators import TILE, WALK, WARPS

ACTIVATIONS = {"x", "g", "out", "grad"}
COUNTS = {"channels", "pixels", "samples", "of_sample", "of_channel", "of_pixel"}
NUMBERS = {"a", "rest", "eps", "k", "b", "per_pixel", "unit", "ls_eps", "clamp"}


def compiled(name: str, constants: dict, activation: str, state: str, sm: int) -> str:
    """The assembly of a kernel for activations and a state of two types."""
    kernel = getattr(online_kernels, name)
    types = {}
    for argument in signature(kernel.fn).parameters:
        if argument in constants:
            types[argument] = "constexpr"
        elif argument in COUNTS:
            types[argument] = "i32"
        elif argument in NUMBERS:
            types[argument] = "fp64"
        elif argument in ("weight", "bias"):
            types[argument] = "*fp32"
        else:
            types[argument] = f"*{activation if argument in ACTIVATIONS else state}"
    constants = {key: value for key, value in constants.items() if key in types}
    warps = 1 if name.startswith("walk") else WARPS
    source = ASTSource(kernel, types, constants)
    return triton.compile(source, target=GPUTarget("cuda", sm, 32), options={"num_warps": warps}).asm["ptx"]


def main(sm: int) -> None:
    for name in ("moments", "walk_streams", "normalise", "plane_sums", "walk_controls", "gradient"):
        walk = name.startswith("walk")
        arguments = signature(getattr(online_kernels, name).fn).parameters
        for (activation, state), ecm, channels in product(
            (("bf16", "fp32"), ("fp64", "fp64")), ("ls", "ac", "none") if "ECM" in arguments else ("ls",), (16, 2048)
        ):
            constants = {
                "WIDE": tl.float64 if activation == "fp64" else tl.float32,
                "BLOCK_P": TILE // channels,
                "BLOCK_C": WALK if walk else channels,
                "ECM": ecm,
                "MOVE": True,
                "LAYER": ecm == "ls",
                "of_channel": 1,
            }
            constants = {key: value for key, value in constants.items() if key in arguments}
            text = compiled(name, constants, activation, state, sm)
            spilled = re.search(r"local .*__local_depot\d+\[(\d+)\]", text)
            print(name, activation, ecm, channels, spilled[1] if spilled else 0, len(text), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
