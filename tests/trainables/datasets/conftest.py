"""Every test here has a data root of its own: nothing is read from or left in the developer's."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads and decoded images go; not created yet."""
    root = tmp_path / "data"
    monkeypatch.setenv("TUNER_DATA", str(root))
    return root
