"""Arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated

import typer

from tuner.rules import registry

Family = Annotated[str, typer.Argument(help="Family, such as blur; `tuner spaces` lists them.", show_default=False)]
Name = Annotated[
    str, typer.Argument(help="Name of the experiment, or its folder or s3:// address.", show_default=False)
]
Space = Annotated[str, typer.Option("--space", help="smoke, search, paper, or a path/to/my_space.py.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", help="A knob: lr=0.05, 'sigma=choice(1,2,4)', 'lr=loguniform(1e-3,1e-1)'. Repeatable."),
]
Trials = Annotated[int | None, typer.Option(help="Configurations to try, the baseline included.")]
Replicates = Annotated[int | None, typer.Option(help="Seeds a configuration is trained with.")]
Epochs = Annotated[int | None, typer.Option(help="Full budget of a trial.")]
Grace = Annotated[int | None, typer.Option(help="First rung: epochs before a trial can be stopped.")]
Reduction = Annotated[float | None, typer.Option(help="At each rung about 1/REDUCTION of the trials go on.")]
Rule = Annotated[
    str | None, typer.Option(help=f"Who goes on at a rung: {registry.described()}.  [default: the space's]")
]
RankWindow = Annotated[
    int | None, typer.Option(help="At a rung, rank trials by their median over this many epochs.  [default: 1]")
]
Seed = Annotated[int, typer.Option(help="Seed of the experiment: configurations, order, replicates.")]
Storage = Annotated[
    str | None, typer.Option(help="Folder of experiments, or s3://BUCKET/PREFIX.  [default: ~/ray_results]")
]
Address = Annotated[
    str | None,
    typer.Option(help="Cluster: http://HEAD:8265 submits to it; auto on the head itself; none starts Ray here."),
]
Head = Annotated[
    str | None, typer.Option("--address", help="Ask a cluster, http://HEAD:8265; without it the storage is read here.")
]
Cpus = Annotated[float | None, typer.Option(help="CPUs of a trial; also its threads.")]
Gpus = Annotated[float | None, typer.Option(help="GPUs of a trial; 0.25 puts four on a card.")]
Placement = Annotated[
    str | None, typer.Option(help="Replicates of a trial: packed in one process, or spread, one worker each.")
]
GpusPerReplicate = Annotated[
    int | None,
    typer.Option(
        help="Train each replicate on so many GPUs; packed, replicates take turns on them.", show_default=False
    ),
]
Accelerator = Annotated[str | None, typer.Option(help="Train on cards of this type only, as Ray names it: A10G, H100.")]
StepTimeout = Annotated[
    float | None, typer.Option(help="Seconds after which an epoch counts as hung.  [default: 20 times the longest]")
]
MaxConcurrent = Annotated[int | None, typer.Option(help="Trials at the same time.  [default: as many as fit]")]
CheckpointEvery = Annotated[
    float | None, typer.Option(help="Seconds between two checkpoints of a trial.  [default: 60]")
]
Detach = Annotated[bool, typer.Option("--detach", help="Submit to a cluster and return at once.")]
Checkpoint = Annotated[str, typer.Argument(help="File of a trial's checkpoint or of weights.", show_default=False)]
FamilyOfCheckpoint = Annotated[
    str | None, typer.Option("--family", help="Family of the network; our own checkpoints know theirs.")
]
Replicate = Annotated[int, typer.Option(help="Which replicate of a trial's checkpoint.")]
