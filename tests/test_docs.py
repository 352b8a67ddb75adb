"""The documents speak of what is there: commands, options, rooms, spaces."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
import typer

import search_spaces
from tuner.cli import app
from tuner.errors import TunerError

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
COMMAND = re.compile(r"^(?:\.venv/bin/)?(tuner [a-z].*?)(?:\s+#.*)?$", re.MULTILINE)


def commands(text):
    """Every `tuner ...` line of the code blocks, as words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for block in blocks for line in COMMAND.findall(block)]


@cache
def command_line():
    return typer.main.get_command(app)


def options_of(words):
    """The options that the command line takes for a command."""
    command = command_line()
    for word in words[1:]:
        if word in getattr(command, "commands", {}):
            command = command.commands[word]
    return {option for parameter in command.params for option in parameter.opts}


def test_the_readme_shows_every_command():
    shown = {words[1] for words in commands(README)} | set(re.findall(r"`tuner ([a-z-]+)`", README))
    assert {name for name in command_line().commands if name not in ("stop", "data")} <= shown


@pytest.mark.parametrize("words", commands(README), ids=" ".join)
def test_a_command_in_the_readme_exists_with_its_options(words):
    assert words[1] in command_line().commands
    used = {word for word in words if word.startswith("--")}
    assert used <= options_of(words)


def test_the_readme_lists_every_family_with_its_spaces():
    for family, spaces in search_spaces.names().items():
        [row] = [line for line in README.splitlines() if line.startswith(f"| `{family}` |")]
        assert all(f"`{space}`" in row for space in spaces)


def test_every_room_is_on_the_map():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for package in ("search_spaces", "trainables", "tuner"):
        for path in (ROOT / package).iterdir():
            if path.name.startswith("__") or path.suffix not in (".py", ""):
                continue
            name = path.name + "/" if path.is_dir() else path.name
            assert re.search(rf"(?<![\w/]){re.escape(name)}", text), f"{package}/{name} is not in ARCHITECTURE.md"


def test_the_readme_names_make_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`?make ([a-z-]+)", README):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("module", ["blur", "online_norm", "deconv", "bn_only", "imagenet"])
def test_lab_notes_give_commands_that_exist(module):
    text = (ROOT / "search_spaces" / f"{module}.py").read_text()
    lines = re.findall(r"^ {4,}(tuner (?:launch|data) .*?)(?:\\\\)?$", text, re.MULTILINE)
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert {word for word in words if word.startswith("--")} <= options_of(words)


def test_what_the_readme_says_of_rays_repeater_is_what_ray_says():
    import inspect

    from ray.tune.search import repeater

    said = " ".join(inspect.getdoc(repeater.Repeater).split())
    assert "It is recommended that you do not run an early-stopping TrialScheduler simultaneously" in said
    assert "will be averaged among all repeats" in said
    assert "nanmean" in inspect.getsource(repeater.Repeater)
    assert "[`Repeater`](https://docs.ray.io/" in README


def test_exit_codes_are_those_that_the_readme_lists():
    [codes] = re.findall(r"Exit codes: (.*?)\.\n", README, re.DOTALL)
    listed = {int(code) for code in re.findall(r"(?:^|, )(\d+) ", " ".join(codes.split()))}
    kinds = {TunerError, *TunerError.__subclasses__()}
    assert listed == {0, 130} | {kind.exit_code for kind in kinds}


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "search_spaces" / "papers").rglob("*.py")),
    ids=lambda path: f"{path.parent.name}-{path.stem}",
)
def test_notes_of_published_spaces_give_commands_that_exist(path):
    for line in re.findall(r"^ {4,}(tuner (?:launch|data) .*?)(?:#.*)?$", path.read_text(), re.MULTILINE):
        words = shlex.split(line)
        assert {word for word in words if word.startswith("--")} <= options_of(words)


def test_the_readme_lists_every_further_space():
    for family in search_spaces.names():
        [row] = [line for line in README.splitlines() if line.startswith(f"| `{family}` |")]
        assert all(f"`{space}`" in row for space in search_spaces.names(family))
