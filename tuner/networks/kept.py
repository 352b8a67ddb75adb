"""Which of the checkpoints that a trial keeps is meant: the last, or that of its best epoch where one is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainables.config.own.code import OwnCode
from trainables.config.wording import among
from trainables.storage import Place
from tuner.errors import BadInput, as_bad_input
from tuner.records import manifest
from tuner.records.paths import ExperimentPaths, expanded
from tuner.results.history import History, Trial

EPOCHS = ("best", "last")


def require_epoch(epoch: str | None) -> None:
    """BadInput for an --epoch that is none."""
    if epoch not in (None, *EPOCHS):
        raise BadInput(
            f"--epoch is {epoch}, but must be {among(epoch, EPOCHS, 'best or last')}; correct it, or leave it out"
        )


def checkpoint_of(
    paths: ExperimentPaths, history: History, trial: Trial, epoch: str | None
) -> tuple[Place, dict[str, Any]]:
    """The checkpoint that a trial keeps of its last or its best epoch, and what is in it; where neither is asked for, as its
    space reads it. BadInput where none is left, and for the user's own code, whose weights only that code knows."""
    require_epoch(epoch)
    if isinstance(history.manifest.trained, OwnCode) and history.manifest.trained.in_lock_step:
        raise BadInput(
            f"`{history.name}` trains your own code, whose weights only that code knows; its checkpoints in "
            f"{paths.trial(trial.index)} hold what state() returned"
        )
    place = paths.trial(trial.index)
    if _is_best(place, epoch, lambda: history.manifest.keeps_best is not None):
        return place / _best_name(), _read_best(place, f"trial {trial.index}")
    from trainables import checkpoints
    from trainables.trial import state_form

    for path, state in checkpoints.newest_first(place):
        with as_bad_input():
            state_form.require_trial(str(path), state)
        return path, state
    raise BadInput(
        f"no checkpoint is left of trial {trial.index} ({trial.status}); only trials that completed keep theirs. Retrain it "
        f"with `{paths.command('export', '--trial', str(trial.index))}` and the command that this prints"
    )


def file_of(checkpoint: str, epoch: str | None) -> Path:
    """The file that a person means by a checkpoint: itself, the one of the best epoch beside it, or one of its folder."""
    require_epoch(epoch)
    given = expanded(checkpoint)
    if epoch is None and not given.is_dir():
        return given
    folder = given if given.is_dir() else given.parent
    kept = sorted(folder.glob("checkpoint_*.pt"), key=lambda path: path.name)
    if not kept and not (folder / _best_name()).exists():
        return given  # whoever reads it says what it is
    if _is_best(folder, epoch, lambda: _reads_best(folder)):
        _require_best(folder, str(folder))
        return folder / _best_name()
    if not kept:
        raise BadInput(f"{folder} keeps no checkpoint of its last epoch; give --epoch best")
    return kept[-1]


def _reads_best(folder: Path) -> bool:
    """Whether this is the folder of a trial whose space reads its figures at the best epoch."""
    place = ExperimentPaths(folder.parent.parent).manifest
    return place.is_file() and manifest.read(place).keeps_best is not None


def _is_best(folder: Place, epoch: str | None, by_default: Callable[[], bool]) -> bool:
    return epoch == "best" or (epoch is None and by_default() and (folder / _best_name()).exists())


def _read_best(folder: Place, whose: str) -> dict[str, Any]:
    from trainables import checkpoints
    from trainables.trial import state_form

    _require_best(folder, whose)
    path = folder / checkpoints.BEST
    with as_bad_input(Exception):
        state = checkpoints.load_file(path)
        state_form.require_trial(str(path), state)
    return state


def _require_best(folder: Place, whose: str) -> None:
    if not (folder / _best_name()).exists():
        raise BadInput(
            f"{whose} keeps no checkpoint of its best epoch, which only trials of spaces do whose published figures are "
            "those of the best epoch, and `tuner train --save`; leave --epoch out for the last one"
        )


def _best_name() -> str:
    from trainables.checkpoints import BEST

    return BEST
