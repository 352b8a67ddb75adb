"""Search spaces of one's own: what a file may hold, and what is said of one that cannot be used."""

import io
import sys

import pytest

import search_spaces
from search_spaces import load_file

SPACE = """
from __future__ import annotations

from ray import tune
from search_spaces import Budget, Protocol, SearchSpace
{before}

def space() -> SearchSpace:
    {inside}
    return SearchSpace(
        family="blur", name="{name}", summary="s", parameters={{"lr": tune.loguniform(1e-3, 1e-1)}},
        baseline={{"lr": 0.01}}, budget=Budget(epochs=2, grace=1, trials=2), protocol=Protocol(dataset="digits"),
    )
"""


def write(path, before="", inside="", name="mine"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SPACE.format(before=before, inside=inside, name=name))
    return path


DECLARED = {
    "dataclass": "from dataclasses import dataclass\n\n@dataclass\nclass Range:\n    low: float = 1e-3\n\nRange()",
    "model": "from pydantic import BaseModel\n\nclass Range(BaseModel):\n    low: float = 1e-3\n\nRange()",
    "named tuple": "from typing import NamedTuple\n\nclass Range(NamedTuple):\n    low: float = 1e-3\n\nRange()",
    "enum": "import enum\n\nclass Mode(enum.Enum):\n    ALL = 'all'\n\nMode('all')",
    "itself": "import sys\n\nassert sys.modules[__name__].SearchSpace is SearchSpace",
    "pickle": "import pickle\n\nclass Own:\n    pass\n\npickle.loads(pickle.dumps(Own()))",
}


@pytest.mark.parametrize("before", DECLARED.values(), ids=DECLARED.keys())
def test_what_a_module_may_declare_a_space_file_may(tmp_path, before):
    assert load_file(write(tmp_path / "space.py", before)).name == "mine"


def test_two_files_of_one_name_are_two_modules(tmp_path):
    first = write(tmp_path / "a" / "space.py", DECLARED["dataclass"], name="first")
    second = write(tmp_path / "b" / "space.py", DECLARED["dataclass"], name="second")
    assert [load_file(path).name for path in (first, second, first)] == ["first", "second", "first"]


def test_what_a_file_prints_is_no_part_of_the_output(tmp_path, capsys):
    load_file(write(tmp_path / "space.py", "print('loaded')", "print('built')"))
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "loaded\nbuilt\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "does not define the function space()"),
        ("x = 1\ndef space(:\n", "space.py, line 2, raises SyntaxError: invalid syntax; fix the file"),
        ("x = (1,\n", "space.py, line 1, raises SyntaxError: '(' was never closed; fix the file"),
        ("\n\nraise ValueError('two\\nlines')", "space.py, line 3, raises ValueError: two lines; fix the file"),
        (
            "import sys\nsys.exit(3)",
            "space.py, line 2, raises SystemExit: 3, which would end the command; leave sys.exit out",
        ),
        ("def space():\n    raise SystemExit", "space.py, line 2, raises SystemExit, which would end the command"),
        ("from . import other", "space.py, line 1, raises ImportError: attempted relative import"),
        (
            "import nowhere_to_be_found",
            "the file is copied into the experiment and must stand alone: install what it imports",
        ),
        ("def space():\n    return 1", "returns int, but must return a SearchSpace"),
        ("space = 3", "does not define the function space()"),
        ("x\0", "space.py raises"),
        ("open('/nowhere/x')", "space.py, line 1, raises FileNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence_with_its_line(tmp_path, text, sentence):
    path = tmp_path / "space.py"
    path.write_text(text)
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the sentence is compared below
        load_file(path)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_in_another_encoding_is_one_sentence(tmp_path):
    path = tmp_path / "space.py"
    path.write_bytes("x = 'ä'".encode("utf-16"))
    with pytest.raises(ValueError, match=r"space\.py.* raises SyntaxError: .*; fix the file"):
        load_file(path)


# Families that lack a space


@pytest.fixture
def without_paper(monkeypatch):
    import search_spaces.blur

    monkeypatch.delattr(search_spaces.blur, "paper")


def test_a_family_that_lacks_a_space_is_listed_with_those_it_has(without_paper):
    assert search_spaces.names()["blur"] == ("smoke", "search")
    with pytest.raises(ValueError, match=r"`paper` is not a space of the family blur \(there are: smoke, search\)"):
        search_spaces.load("blur", "paper")


def test_a_family_without_spaces_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "search_spaces.blur", type(sys)("search_spaces.blur"))
    assert search_spaces.names()["blur"] == ()
    with pytest.raises(ValueError, match="the family blur has no search spaces of its own; give --space"):
        search_spaces.load("blur", "smoke")


def test_the_listing_shows_what_there_is(without_paper):
    from rich.console import Console

    from tuner.tables import spaces

    console = Console(width=100, file=io.StringIO())
    console.print(spaces.listing("blur"))
    text = console.file.getvalue()
    assert "smoke" in text
    assert "paper" not in text
