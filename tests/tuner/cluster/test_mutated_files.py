"""`tuner cluster check` against thousands of damaged copies of the shipped files: every one gets an answer, never a trace."""

import copy
import datetime
import random
import time
from pathlib import Path

import pytest
import yaml

from tuner import cluster
from tuner.errors import BadInput

ROOT = Path(__file__).parents[3]
FILES = ("cluster.yaml", "deploy/on-premise.yaml", "deploy/kuberay.yaml")
SECONDS = 4  # for each file and kind of damage; each seed is one damaged file
VALUES = (
    None, "", " ", "x", "3", "a\nb", "~nobody/x", "a\0b", "é" * 300, 0, -1, 3, 3.5, 10**30, float("nan"), float("inf"),
    True, False, [], [1], ["a"], [None], [[]], {}, {"a": 1}, {1: 2}, {"a": {"b": ["c"]}}, {True: False},
    datetime.date(2026, 1, 1), b"\xff",
)  # fmt: skip
TEXTS = (
    "\t", "  ", "\n", "---\n", "...\n", ":", "- ", "? ", "{", "[", "}", "]", '"', "'", "#", "&a ", "*a", "<<: *a\n", "!!int ",
    "!!python/object:x.y ", "%YAML 9\n", "|", ">", "\0", "\x1b", "\ufeff", "\x85", "2026-13-45", "0x", "!!binary x",
    "kind: RayJob\n", "max_workers: 1\n", "0" * 5000, "1" * 5000, "0x" + "f" * 5000 + "\n",
)  # fmt: skip


def places(value, path=()):
    """Every place of a document, by its keys and indices."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def with_other_values(text, chance):
    """The file with one, two or three of its values removed, exchanged or renamed."""
    documents = copy.deepcopy(list(yaml.safe_load_all(text)))
    for _ in range(chance.randint(1, 3)):
        *above, last = chance.choice(list(places(documents)) or [(0,)])
        if not documents:
            break
        holder = documents
        for key in above:
            holder = holder[key]
        what = chance.random()
        if what < 0.15:
            del holder[last]
        elif what < 0.25 and isinstance(holder, dict):
            holder[chance.choice(("", "x", 3, None, True, f"{last}s"))] = holder.pop(last)
        else:
            holder[last] = copy.deepcopy(chance.choice(VALUES))
    return yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False).encode()


def with_other_bytes(text, chance):
    """The file with some pieces of its text removed, repeated, put elsewhere or written over."""
    data = text.encode()
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 1, 3, 20, 200)))
        piece = chance.choice((b"", data[start:end] * 2, chance.choice(TEXTS).encode(), bytes([chance.randrange(256)])))
        data = data[:start] + piece + data[end:]
    encoding = chance.random()
    if encoding < 0.02:
        return data.decode(errors="replace").encode("utf-16")
    return b"\xef\xbb\xbf" + data if encoding < 0.04 else data


@pytest.fixture(autouse=True)
def a_home_with_a_token(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").touch(mode=0o600)
    monkeypatch.chdir(ROOT)


def answer(path):
    """What the check says: a list of problems, or the one reason why the file cannot be checked."""
    try:
        return cluster.check(path)
    except BadInput as refusal:
        return [str(refusal)]


@pytest.mark.slow
@pytest.mark.parametrize("damage", [with_other_values, with_other_bytes], ids=["values", "text"])
@pytest.mark.parametrize("file", FILES)
def test_every_damaged_file_is_answered_in_sentences_of_one_line(tmp_path, file, damage):
    text = (ROOT / file).read_text()
    path = tmp_path / "damaged.yaml"
    first = seed = random.SystemRandom().randrange(10**9)
    print(f"seeds from {first}")
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        path.write_bytes(damage(text, random.Random(seed)))
        try:
            for said in answer(path):
                assert said == " ".join(said.split()), said
                assert said.isprintable(), said
                assert len(said) < 700, said
        except Exception as error:
            raise AssertionError(f"{damage.__name__} of {file} with the seed {seed} is not answered") from error
        seed += 1
    print(f"{seed - first} files")
    assert seed - first > 5


@pytest.mark.parametrize("file", FILES)
def test_a_field_of_another_type_is_told_with_its_path_and_nothing_false_is_said_of_it(tmp_path, file):
    """An empty list in the place of each number and text, one after the other."""
    documents = list(yaml.safe_load_all((ROOT / file).read_text()))
    place = next(n for n, document in enumerate(documents) if document.get("kind") != "PersistentVolumeClaim")
    path = tmp_path / "changed.yaml"
    unread = ("apiVersion", "metadata", "node_config", "volumes", "volumeMounts", "autoscalerOptions", "InTree")
    for where in places(documents[place]):
        changed = copy.deepcopy(documents)
        holder = changed[place]
        for key in where[:-1]:
            holder = holder[key]
        if isinstance(holder[where[-1]], dict | list):
            continue
        holder[where[-1]] = []
        path.write_text(yaml.safe_dump_all(changed))
        said = answer(path)
        if where == ("kind",):
            assert "neither a Ray cluster nor a RayJob" in said[0]
        elif not any(name in ".".join(map(str, where)) for name in unread):
            assert len(said) == 1, (where, said)
            assert said[0].startswith(".".join(map(str, where))), (where, said)
