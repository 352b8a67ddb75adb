"""What can be known of a user's own code before any trial: does it load there, does its first epoch report what is needed,
can its state be saved and taken up again."""

from __future__ import annotations

import contextlib
import re
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainables.config.own.code import OwnCode
from trainables.config.own.configuration import config_class
from trainables.config.own.state import packed, unpacked
from trainables.config.wording import one_line
from trainables.process.out_of_memory import OutOfMemory
from trainables.trial.own import MAKERS, OwnRecipe, OwnReplicate

LONGEST = 300.0  # seconds: what a longer first epoch reports, the first trial finds out


def imports(code: OwnCode) -> list[str]:
    """What keeps the code from being loaded in this process, as one sentence or none."""
    try:
        code.trained()
    except (Exception, SystemExit) as error:
        return [_told(error, code, "cannot be loaded")]
    return []


def check(code: OwnCode, configs: Sequence[dict[str, Any]], device: str = "cpu") -> dict[str, Any]:
    """Load the code, and train one replicate of the first configuration for one epoch on the device, at most for `LONGEST`.

    Returns:
        `problems`: one sentence each; `data`: without fingerprints, for the data are the code's; `replicate_bytes`: of a
        replicate in a checkpoint.
    """
    found: dict[str, Any] = {"problems": imports(code), "data": {"fingerprints": {}}, "replicate_bytes": 0}
    if found["problems"] or not configs or code.kind not in MAKERS:
        return found
    answer: list[tuple[list[str], int]] = []
    thread = threading.Thread(target=lambda: answer.append(_first_epoch(code, configs[0], device)), daemon=True)
    thread.start()
    thread.join(LONGEST)
    if answer:
        found["problems"], found["replicate_bytes"] = answer[0]
    return found


def _first_epoch(code: OwnCode, knobs: dict[str, Any], device: str) -> tuple[list[str], int]:
    """What is wrong with the first epoch of a configuration, and the bytes of its state."""
    with contextlib.suppress(OutOfMemory):  # a trial has its own way with that
        return _tried(code, knobs, device)
    return [], 0


def _tried(code: OwnCode, knobs: dict[str, Any], device: str) -> tuple[list[str], int]:
    recipe = OwnRecipe(code, config_class(code)(**knobs), knobs, 0, [0], device)
    replicate = OwnReplicate(0, recipe)
    if replicate.failure is None:
        replicate.train(0)
    if replicate.failure is not None:
        if replicate.failure["kind"] == "non-finite":
            return [], 0  # that may happen to a configuration
        return [_failed(code, replicate.failure)], 0
    try:
        state = replicate.state()
    except (Exception, SystemExit) as error:
        return [_told(error, code, "state() fails")], 0
    try:
        content = packed(state)
    except Exception as error:
        return [
            f"the state of {code.trains} cannot be saved ({one_line(str(error))}); let state() return only what Python can "
            "pickle: numbers, arrays, tensors, state dicts, estimators"
        ], 0
    try:
        OwnReplicate(0, recipe).load(unpacked(content))
    except (Exception, SystemExit) as error:
        return [_told(error, code, "load(state) fails on what state() returned")], 0
    return [], len(content)


def _failed(code: OwnCode, failure: Mapping[str, Any]) -> str:
    message = one_line(failure["message"])
    if failure["message"].startswith("epoch()"):
        return f"{code.trains}: {message}"
    where = re.findall(r'File "([^"]*)", line (\d+)', failure["traceback"])
    return _at(code, where, f"raises {message} in its first epoch, with the baseline", "mend it")


def _told(error: BaseException, code: OwnCode, what: str) -> str:
    frames = [(frame.filename, str(frame.lineno)) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, ModuleNotFoundError):
        return _at(code, frames, f"imports {error.name}, which is not installed there", "install it there")
    return _at(code, frames, f"{what} ({type(error).__name__}: {one_line(str(error))})", "mend it")


def _at(code: OwnCode, frames: Sequence[tuple[str, str]], what: str, remedy: str) -> str:
    """A sentence about the code with the innermost of its own lines."""
    own = {Path(name).name for name in code.files}
    line = next(
        (f"{Path(file).name}, line {number}," for file, number in reversed(frames) if Path(file).name in own), ""
    )
    return f"{line or code.trains or code.name} {what}; {remedy}"
