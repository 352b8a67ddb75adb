"""The verbs `tuner slurm ...`: a search as a job of Slurm, printed as a batch script or submitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tuner.commands.asked import takes_request
from tuner.commands.given import Verbs
from tuner.commands.options import CheckpointEvery, Data, InitFrom, MaxConcurrent, Pretrained, StepTimeout

if TYPE_CHECKING:
    from tuner.cluster.slurm.script import Batch
    from tuner.experiment.request import Request

slurm_app = Verbs(help="Slurm: a search as a batch job that is requeued until it is finished.", no_args_is_help=True)

Name = Annotated[str | None, typer.Option("--name", help="Name of the experiment and of the job; must be given.")]
Storage = Annotated[
    str | None, typer.Option("--storage", help="Folder that all nodes mount, or s3://BUCKET/PREFIX; must be given.")
]
Nodes = Annotated[int, typer.Option(help="Nodes of the job.")]
Gpus = Annotated[str | None, typer.Option("--gpus-per-node", help="GPUs of each node: 4, or TYPE:4.  [default: none]")]
Cpus = Annotated[
    int | None, typer.Option("--cpus-per-node", help="CPUs of each node.  [default: what its trials ask for]")
]
Memory = Annotated[str | None, typer.Option("--mem", help="Memory of each node: 64G.  [default: the cluster's]")]
Time = Annotated[
    str | None, typer.Option("--time", help="Limit of one run: 24:00:00, 2-12:00:00.  [default: the partition's]")
]
Partition = Annotated[str | None, typer.Option(help="Partition of the cluster.  [default: the cluster's]")]
Account = Annotated[str | None, typer.Option(help="Account that is charged.  [default: yours]")]
Qos = Annotated[str | None, typer.Option("--qos", help="Quality of service.  [default: the cluster's]")]
Constraint = Annotated[str | None, typer.Option(help="Features that the nodes must have.  [default: none]")]
Warning_ = Annotated[
    int, typer.Option("--warning", help="Seconds before the limit at which the search checkpoints and is requeued.")
]
Restarts = Annotated[
    int, typer.Option("--max-restarts", help="Runs in a row without a new epoch after which it is not requeued.")
]
Output = Annotated[str | None, typer.Option(help="Log of the job.  [default: NAME.slurm-%j.log in the storage]")]
More = Annotated[
    list[str] | None,
    typer.Option("--sbatch", help="Another option of sbatch: --sbatch=--exclusive. Repeatable.  [default: none]"),
]
IsShared = Annotated[
    bool, typer.Option("--storage-is-shared", help="All nodes mount the storage, whatever it looks like.")
]


def takes_job(command: Callable[[Batch], None]) -> Callable[..., Any]:
    """The command with every option of a search on Slurm; it receives the batch script that they ask for."""

    @takes_request
    def called(
        asked: Request,
        name: Name = None,
        storage: Storage = None,
        nodes: Nodes = 1,
        gpus_per_node: Gpus = None,
        cpus_per_node: Cpus = None,
        mem: Memory = None,
        time: Time = None,
        partition: Partition = None,
        account: Account = None,
        qos: Qos = None,
        constraint: Constraint = None,
        warning: Warning_ = 120,
        max_restarts: Restarts = 3,
        output: Output = None,
        sbatch: More = None,
        storage_is_shared: IsShared = False,
        data: Data = None,
        max_concurrent: MaxConcurrent = None,
        checkpoint_every: CheckpointEvery = None,
        step_timeout: StepTimeout = None,
        init_from: InitFrom = None,
        pretrained: Pretrained = False,
    ) -> None:
        from tuner.cluster.slurm import asked as asking
        from tuner.cluster.slurm.job import Job
        from tuner.experiment import fine_tuning
        from tuner.experiment.running import Running

        asked = fine_tuning.beginning(asked, init_from, pretrained, elsewhere=False)
        running = Running(None, max_concurrent, checkpoint_every, step_timeout)
        limits = (time, partition, account, qos, constraint)
        job = Job(nodes, gpus_per_node, cpus_per_node, mem, *limits, warning, max_restarts, output, tuple(sbatch or ()))
        command(
            asking.batch(
                asked,
                running,
                job,
                name=name,
                place=storage,
                data=data,
                shared=storage_is_shared,
                known=asking.look(),
            )
        )

    called.__doc__ = command.__doc__
    return called


@slurm_app.command("script", epilog="Example: tuner slurm script blur search --storage /shared/results --time 4:00:00")
@takes_job
def script(batch: Batch) -> None:
    """Print the batch script of a search, checked: one job, one Ray cluster for its length."""
    typer.echo(batch.text(), nl=False)


@slurm_app.command("submit", epilog="Example: tuner slurm submit blur search --storage /shared/results --time 4:00:00")
@takes_job
def submit(batch: Batch) -> None:
    """Submit a search to Slurm; submitted again it continues."""
    from pathlib import Path

    from tuner.cluster.slurm import commands, queue
    from tuner.errors import unwritable
    from tuner.records.paths import ExperimentPaths

    commands.require()
    if isinstance(batch.storage, Path):
        try:
            batch.storage.mkdir(
                parents=True, exist_ok=True
            )  # Slurm fails a job whose log it cannot open, without a word
        except OSError as error:
            raise unwritable(batch.storage, error) from None
    job = queue.submit(batch)
    typer.echo(f"{batch.name} is job {job}; it runs on when you log out, and is requeued until the search is finished.")
    typer.echo(f"how it goes: {ExperimentPaths(batch.storage / batch.name).command('status')}")
    typer.echo(f"what it prints: tail -f {batch.log(job)}")
    typer.echo(f"stop it: scancel {job}")
