"""A search on a cluster: checking the file that starts the cluster, and submitting to one that runs.

tuner.cluster.check("cluster.yaml")     a list of problems, empty when there is none
tuner.cluster.submit("http://127.0.0.1:8265", "blur", name="first", storage="s3://bucket/results")
"""

from tuner.cluster.checks.launcher_file import check
from tuner.cluster.submission import submit

__all__ = ["check", "submit"]
