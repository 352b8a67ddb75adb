"""Whether the nodes see a folder of the login node."""

from pathlib import Path

import pytest

from tuner.cluster.slurm import storage

MOUNTS = """\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:30 / /home rw,relatime shared:1 - nfs4 server:/home rw
31 30 0:31 / /home/scratch\\040disk rw - xfs /dev/sdb rw
32 22 0:32 / /lustre rw - lustre mgs@tcp:/work rw
33 22 0:33 / /shared rw - fuse.weird server rw
"""


@pytest.fixture
def mounts(monkeypatch, tmp_path):
    (tmp_path / "mountinfo").write_text(MOUNTS)
    monkeypatch.setattr(storage, "MOUNTS", tmp_path / "mountinfo")


@pytest.mark.parametrize("folder", ["/home/me/results", "/lustre/me", "/shared/results"])
def test_a_folder_on_a_file_system_of_the_network_is_taken(mounts, folder):
    assert storage.problem(Path(folder), shared=False, known=True) is None


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("/tmp/results", "/tmp is every machine's own"),
        ("/dev/shm/x", "/dev/shm is every machine's own"),
        ("/data/results", "on the ext4 file system / of"),
        ("/home/scratch disk/results", "on the xfs file system /home/scratch disk of"),
    ],
)
def test_a_folder_of_one_machine_is_refused_unless_the_user_knows_better(mounts, folder, why):
    problem = storage.problem(Path(folder), shared=False, known=True)
    assert problem.startswith(f"--storage is {folder}, ")
    assert why in problem
    assert "the nodes do not see it; give a folder that all nodes mount" in problem.replace("so the nodes", "the nodes")
    assert storage.problem(Path(folder), shared=True, known=True) is None


def test_where_there_is_no_slurm_the_mounts_say_nothing(mounts):
    assert storage.problem(Path("/data/results"), shared=False, known=False) is None
