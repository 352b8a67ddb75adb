"""A search on Slurm: one job, one Ray cluster for its length, requeued until the search is finished.

On the login node: `job` (what is asked of Slurm), `cluster` (what Slurm has), `storage` (whether the nodes see it), `script`
and `batch.sh` (the batch script), `queue` (submitting, and what became of it). On the nodes, called by the script: `room`,
`node`, `progress`.
"""
