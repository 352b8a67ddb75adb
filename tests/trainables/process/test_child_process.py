"""Children of our own run the very code that this process runs."""

from pathlib import Path

from trainables.process import child_process


def test_the_root_is_the_folder_that_holds_the_packages():
    packages = {path.parent.name for path in Path(child_process.ROOT).glob("*/__init__.py")}
    assert packages >= {"tuner", "trainables", "search_spaces"}
    assert not (
        Path(child_process.ROOT) / "statistics.py"
    ).exists()  # first on a child's path it would hide Python's own
