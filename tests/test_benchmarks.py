"""`make bench` runs every benchmark, or says why not."""

from pathlib import Path

from benchmarks.run import BENCHMARKS, LEFT_OUT

ROOT = Path(__file__).parent.parent


def test_every_module_that_can_be_run_is_run_or_left_out_with_a_reason():
    runnable = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if '__name__ == "__main__"' in path.read_text()
    }
    runnable |= {path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    assert sorted(runnable) == sorted([*BENCHMARKS, *LEFT_OUT])
    assert all(LEFT_OUT.values())
