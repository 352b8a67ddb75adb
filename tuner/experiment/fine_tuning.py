"""`--init-from` and `--pretrained` as the knob that they set."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from tuner.errors import BadInput
from tuner.experiment.request import Request
from tuner.records.paths import expanded

KNOB = "init_from"


def beginning(asked: Request, init_from: str | None, pretrained: bool, elsewhere: bool) -> Request:
    """The request with the knob set; see `settings`."""
    return dataclasses.replace(asked, overrides=settings(asked.settings, init_from, pretrained, elsewhere))


def settings(given: Sequence[str], init_from: str | None, pretrained: bool, elsewhere: bool = False) -> list[str]:
    """The texts of --set, and one more for the weights that every replicate begins from.

    Args:
        given: texts of --set.
        init_from: file or s3://BUCKET/KEY; a file of this machine is named by its absolute path and its digest.
        pretrained: torchvision's weights.
        elsewhere: the file lies on a cluster, so that nothing is looked at here.

    Raises:
        BadInput: both are given, or the knob too; no such file.
    """
    if init_from is None and not pretrained:
        return list(given)
    if init_from is not None and pretrained:
        raise BadInput(
            "--init-from and --pretrained are both given, but training begins from one of them; leave one out"
        )
    option = "--pretrained" if init_from is None else "--init-from"
    if any(text.partition("=")[0].strip() == KNOB for text in given):
        raise BadInput(f"{option} and --set {KNOB}=... say the same; leave one out")
    if init_from is None:
        return [*given, f"{KNOB}=torchvision"]
    path = init_from if "://" in init_from else str(expanded(init_from))
    if elsewhere:
        if "://" not in path and not Path(path).is_absolute():
            raise BadInput(
                f"--init-from is {init_from}, a file from here; give the absolute path that every node reads"
            )
        return [*given, f"{KNOB}={path}"]
    from trainables.models.foreign import files as foreign_files
    from trainables.trial import init_from as weights

    try:
        if "://" in path:
            return [*given, f"{KNOB}={weights.digest(path)}"]
        foreign_files.read(Path(path))  # what is no checkpoint is said here, not by every node
        return [*given, f"{KNOB}={weights.digest(str(Path(path).absolute()))}"]
    except (ValueError, OSError) as error:
        raise BadInput(str(error)) from None
