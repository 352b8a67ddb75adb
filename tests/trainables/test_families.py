"""The families by name: those of this project and those that installed packages offer, all by one way in."""

import io
import sys

import pytest
from rich.console import Console

import search_spaces
from trainables import families

PACKAGE = """
from ray import tune
from torch import nn
from pydantic import Field
from search_spaces import Budget, Protocol, SearchSpace
from trainables.config.training import TrainingConfig
from trainables.family import Family

class WideConfig(TrainingConfig):
    width: int = Field(8, ge=1, description="units")

class Wide(Family[WideConfig]):
    network_knobs = ("width",)
    def build_model(self, config, shape):
        hidden = nn.Linear(shape.channels * shape.size**2, config.width)
        return nn.Sequential(nn.Flatten(), hidden, nn.Linear(config.width, shape.classes))

def search():
    return SearchSpace(
        family="wide", name="search", summary="how wide?", parameters={"width": tune.choice([4, 8, 16])}, baseline={"width": 8},
        fixed={"image_size": 8, "train_images": 80}, budget=Budget(epochs=2, grace=1, trials=2),
        protocol=Protocol(dataset="digits"),
    )
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package that offers families and spaces, as text of its `entry_points.txt`."""

    def install(points, name="wide-package"):
        (tmp_path / "wide_package.py").write_text(PACKAGE)
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(points)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, "wide_package", raising=False)
        families.offers.cache_clear()
        search_spaces.offers.cache_clear()

    yield install
    monkeypatch.undo()
    families.offers.cache_clear()
    search_spaces.offers.cache_clear()


BOTH = "[tuner.families]\nwide = wide_package:Wide\n[tuner.spaces]\nwide.search = wide_package:search\n"


def test_an_installed_family_is_one_like_ours(installed):
    installed(BOTH)
    assert families.names()[-1] == "wide"
    assert search_spaces.names()["wide"] == ("search",)
    assert families.trainable_name("wide") == "WideTrainable"
    assert list(families.config_class("wide").model_fields)[-1] == "width"
    assert families.get("wide").name == "wide"
    space = search_spaces.load("wide", "search")
    assert space.problems() == []
    from trainables.trial.lockstep import LockStep

    assert LockStep("wide", space.configurations(0, 1)[0], replicates=1).step()["epoch"] == 1


def test_the_listing_says_where_a_space_comes_from(installed):
    installed(BOTH)
    from tuner.tables import spaces

    console = Console(width=140, file=io.StringIO())
    console.print(spaces.listing())
    lines = console.file.getvalue().splitlines()
    assert next(line for line in lines if line.startswith("wide")).split()[-2:] == ["wide-package", "1.2"]
    assert next(line for line in lines if line.startswith("blur")).split()[-1] == "tuner"


def test_a_space_may_be_offered_for_a_family_of_ours(installed):
    installed("[tuner.spaces]\nblur.wide = wide_package:search\n")
    assert "wide" in search_spaces.names("blur")


def test_a_family_that_is_offered_twice_is_refused_in_a_sentence(installed):
    installed("[tuner.families]\nblur = wide_package:Wide\n")
    with pytest.raises(
        ValueError, match=r"the family `blur` is offered by tuner and by wide-package 1\.2; uninstall one"
    ):
        families.names()


def test_a_space_that_is_offered_twice_is_refused_in_a_sentence(installed):
    installed("[tuner.spaces]\nblur.smoke = wide_package:search\n")
    with pytest.raises(ValueError, match=r"`smoke` of the family blur is offered by tuner and by wide-package 1\.2;"):
        search_spaces.names()


def test_a_broken_offer_is_named_with_its_package(installed):
    installed("[tuner.families]\nwide = wide_package:Nothing\n")
    with pytest.raises(
        ValueError, match=r"the family `wide`, offered by wide-package 1\.2, cannot be loaded \(AttributeError"
    ):
        families.get("wide")
