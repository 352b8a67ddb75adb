"""What travels to a cluster: the wheel's files, all of them and nothing else, and never more than Ray takes."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from tuner.cluster import package
from tuner.errors import BadInput

LATIN = "# -*- coding: latin-1 -*-\nUNIT = 'µ'\n"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("staged")
    space = tmp_path_factory.mktemp("own") / "my_space.py"
    space.write_text("# mine\n")
    return package.stage(
        folder, files=[space], texts={"mine/__init__.py": "", "mine/own.py": "# µ\n", "latin.py": LATIN}
    )


def test_every_file_of_the_packages_travels_and_nothing_else_of_the_checkout(staged):
    done = subprocess.run(["git", "ls-files", *package.PACKAGES], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    travelled = {str(path.relative_to(staged)) for path in staged.rglob("*") if path.is_file()}
    # Files that are new here travel as well.
    assert set(done.stdout.split()) <= travelled
    assert {name.split("/")[0].split("-")[0] for name in travelled} == {*package.PACKAGES, "request"}


def test_a_space_of_ones_own_travels_along(staged):
    assert (staged / "request" / "my_space.py").read_text() == "# mine\n"


def test_code_of_ones_own_travels_in_the_folders_that_it_lay_in(staged):
    assert (staged / "request" / "mine" / "own.py").read_text(encoding="utf-8") == "# µ\n"
    assert (staged / "request" / "mine" / "__init__.py").read_text() == ""
    assert importlib.util.decode_source((staged / "request" / "latin.py").read_bytes()) == LATIN


def test_what_travels_says_which_version_it_is(staged):
    [metadata] = staged.glob("tuner-*.dist-info/METADATA")
    assert "\nName: tuner\n" in metadata.read_text()


def test_building_leaves_nothing_in_the_checkout(tmp_path):
    def checkout():
        return {str(path.relative_to(ROOT)) for folder in (ROOT, ROOT / "tuner") for path in folder.iterdir()}

    before = checkout()
    package.stage(tmp_path, files=[])
    assert checkout() == before


def test_more_than_ray_takes_is_refused_naming_what_is_large(tmp_path):
    with (tmp_path / "weights.bin").open("wb") as file:
        file.truncate(package.LIMIT)  # a hole: it takes no room on the disk
    package.require_small(tmp_path)
    (tmp_path / "more.txt").write_text("x")
    with pytest.raises(BadInput, match=r"takes at most 100 MiB; .* Largest: weights\.bin \(100 MiB\)"):
        package.require_small(tmp_path)
