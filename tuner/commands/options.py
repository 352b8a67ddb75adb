"""Arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

from search_spaces.budget import OPTIONS
from tuner.errors import BadInput, as_bad_input


def _take_data_from(place: str | None) -> str | None:
    """Before the command begins, since whatever it starts takes the data from there as well."""
    if place is not None:
        from trainables.datasets import shared

        with as_bad_input():
            shared.use(place)
    return place


Family = Annotated[str, typer.Argument(help="Family, such as blur; `tuner spaces` lists them.", show_default=False)]
Name = Annotated[
    str, typer.Argument(help="Name of the experiment, or its folder or s3:// address.", show_default=False)
]
Space = Annotated[
    str | None, typer.Option("--space", help="smoke, search, paper, or a path/to/my_space.py.  [default: smoke]")
]
SpaceWord = Annotated[
    str | None, typer.Argument(metavar="SPACE", help="The same as --space, shorter.", show_default=False)
]
Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set", help="A knob: lr=0.05, 'sigma=choice(1,2,4)', 'lr=loguniform(1e-3,1e-1)'. Repeatable.  [default: none]"
    ),
]
InitFrom = Annotated[
    str | None,
    typer.Option(
        help="Begin every replicate from these weights: a file that every node reads, or s3://BUCKET/KEY.  [default: new ones]"
    ),
]
Pretrained = Annotated[
    bool, typer.Option("--pretrained", help="Begin every replicate from torchvision's weights, where they are here.")
]


def one_space(word: str | None, option: str | None) -> str:
    """The space that is meant, as a word after the family or as --space; `smoke` where neither is given."""
    if word is not None and option is not None and word != option:
        raise BadInput(f"the space is `{word}` after the family and `{option}` as --space; give one of them")
    return word or option or "smoke"


Seed = Annotated[int, typer.Option(help="Seed of the experiment: configurations, order, replicates.")]
Storage = Annotated[
    str | None,
    typer.Option(
        help="Folder of experiments, or s3://BUCKET/PREFIX.  [default: TUNER_STORAGE, tuner.toml, or ~/ray_results]"
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Cluster: http://HEAD:8265 submits to it; auto on the head itself.  [default: none, Ray is started here]"
    ),
]
Head = Annotated[
    str | None,
    typer.Option("--address", help="Ask a cluster, http://HEAD:8265.  [default: none, the storage is read here]"),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="Place of the named datasets: a folder that every node sees, or s3://BUCKET/PREFIX.  [default: TUNER_DATA]",
        callback=_take_data_from,
        show_default=False,
    ),
]
StepTimeout = Annotated[
    float | None, typer.Option(help="Seconds after which an epoch counts as hung.  [default: 20 times the longest]")
]
CpusPerTrial = Annotated[float | None, typer.Option(help="CPUs of every trial from now on.  [default: as so far]")]
GpusPerTrial = Annotated[float | None, typer.Option(help="GPUs of every trial from now on.  [default: as so far]")]
MaxConcurrent = Annotated[int | None, typer.Option(help="Trials at the same time.  [default: as many as fit]")]
CheckpointEvery = Annotated[
    float | None, typer.Option(help="Seconds between two checkpoints of a trial.  [default: 60]")
]
Strategy = Annotated[str | None, typer.Option(help=OPTIONS["strategy"].help.replace("the space's, or auto", "auto"))]
Notify = Annotated[
    str | None,
    typer.Option(
        help="http(s) URL that gets one JSON POST at the end, as Slack takes it.  [default: TUNER_NOTIFY, else nobody]",
        show_default=False,
    ),
]
Detach = Annotated[bool, typer.Option("--detach", help="Submit to a cluster and return at once.")]
Checkpoint = Annotated[
    str,
    typer.Argument(
        help="File of a trial's checkpoint or of weights, or a trial's folder; with --trial an experiment.",
        show_default=False,
    ),
]
Epoch = Annotated[
    str | None,
    typer.Option(
        "--epoch", help="best or last.  [default: best where the space's published figures are of best epochs]"
    ),
]
FamilyOfCheckpoint = Annotated[
    str | None,
    typer.Option(
        "--family", help="Family of the network; our own checkpoints know theirs.  [default: the checkpoint's]"
    ),
]
OfTrial = Annotated[
    str | None,
    typer.Option(
        "--trial",
        help="CHECKPOINT names an experiment, and this trial of it is meant: its number, `best` or `baseline`.  "
        "[default: none, it is a file]",
        show_default=False,
    ),
]
Replicate = Annotated[int, typer.Option(help="Which replicate of a trial's checkpoint.")]
