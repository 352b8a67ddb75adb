"""Face of the rooms that train and judge one replicate for one epoch, and of the strategies by which k of them do."""

from trainables.process.precision import autocast
from trainables.trial.evaluation import Tally, evaluate, evaluating
from trainables.trial.finite import NonFinite
from trainables.trial.strategies import STRATEGIES
from trainables.trial.training import TrainingPass, train_epoch

__all__ = [
    "STRATEGIES",
    "NonFinite",
    "Tally",
    "TrainingPass",
    "autocast",
    "evaluate",
    "evaluating",
    "train_epoch",
]
