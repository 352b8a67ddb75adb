"""What the command line says of itself: version, completion, an example for each verb; and what it takes for the same."""

import importlib.metadata
import re
import shlex

import pytest
import typer
from typer.testing import CliRunner

from tuner.cli import app
from tuner.commands.asked import takes_request

ROOT = typer.main.get_command(app)
VERBS = [
    (name, *below)
    for name, command in ROOT.commands.items()
    for below in [(sub,) for sub in getattr(command, "commands", ())] or [()]
]


def found(words):
    """The command that words begin with, and the rest of them."""
    command = ROOT
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_has_an_example_that_it_takes(verb):
    command, _ = found(list(verb))
    example = command.epilog.removeprefix("Example: ")
    words = shlex.split(example)
    assert words[: 1 + len(verb)] == ["tuner", *verb]
    command.make_context(verb[-1], words[1 + len(verb) :])
    shown = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "200"}).output
    assert f"Example: {example}" in shown


def test_the_version_is_that_of_the_package(tuner):
    assert tuner("--version") == (0, f"tuner {importlib.metadata.version('tuner')}\n", "")


def test_the_shell_is_told_how_to_complete():
    assert "--show-completion" in CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output
    asked = {"_TUNER_COMPLETE": "complete_bash", "COMP_WORDS": "tuner sta", "COMP_CWORD": "1"}
    completed = CliRunner().invoke(app, [], prog_name="tuner", env=asked)
    assert completed.output.split() == ["status"]


@pytest.mark.parametrize(
    ("words", "space"),
    [
        ([], "smoke"),
        (["search"], "search"),
        (["--space", "search"], "search"),
        (["search", "--space", "search"], "search"),
    ],
)
def test_a_space_is_a_word_after_the_family_or_an_option(words, space):
    said = []
    line = typer.Typer()
    line.command()(takes_request(lambda asked: said.append(asked.space)))
    assert CliRunner().invoke(line, ["blur", *words], catch_exceptions=False).exit_code == 0
    assert said == [space]


@pytest.mark.parametrize("verb", ["plan", "launch", "doctor"])
def test_two_different_spaces_are_refused_before_anything_starts(tuner, verb):
    code, shown, said = tuner(verb, "blur", "smoke", "--space", "search")
    assert (code, shown) == (2, "")
    assert said == "tuner: the space is `smoke` after the family and `search` as --space; give one of them\n"


def test_a_knob_that_is_none_is_answered_with_the_nearest(tuner):
    code, _, said = tuner("train", "blur", "--set", "sigmaa=1", "--set", "qqq=1")
    assert code == 2
    assert said == (
        "tuner: `sigmaa` is not a knob of this family; did you mean `sigma`?\n`qqq` is not a knob of this family\n"
    )


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_option_with_a_value_says_what_holds_without_it(verb):
    command, _ = found(list(verb))
    shown = CliRunner().invoke(app, [*verb, "--help"], env={"COLUMNS": "400"}).output
    for option in command.params:
        if option.param_type_name != "option" or option.is_flag or option.hidden:
            continue
        flag = max(option.opts, key=len)
        [row] = [line for line in shown.splitlines() if re.match(rf"\W*(-\w,? +)?{flag} ", line)]
        said = row.count("[default: ") + ("[required]" in row) + ("must be given" in row)
        assert said == 1, row
