"""Files of an experiment made wrong in every way that a hand, a disk or another program makes them wrong."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

HUGE = float("inf")  # written as 1e400, which is a number of JSON
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, 10**12, 10**400, 0.5, -0.5, 1e-320, 1e30, 1e300, HUGE, -HUGE),
    *("", "x", "best", "nan", "1e400", "\x1b[2J", "\ud800", "ü" * 3000, "../..", "a\nb"),
    *([], {}, [1], [None], [[]], {"a": 1}, {"": None}, ["a", 1, None, {}], [0.5] * 5, [0.5] * 500, float("nan")),
    {"median": 1e308, "values": [1e308, -1e308, None, 0.5, 0.5]},
)
KEYS = ("zzz", "", "epoch", "values", "model_config", "__class__", "_order", "content")


def damage(root: Path, draw: random.Random) -> str:
    """Spoil the manifest or the records of an experiment, or a file beside them; says how."""
    name = draw.choice(
        ["manifest.json", "records.jsonl"] * 6 + ["driver.lock", "trials/00001/log.txt", "space.py", "stop"]
    )
    path = root / name
    if draw.random() < 0.2 or not name.startswith(("manifest", "records")):
        return f"{name}: {_bytes(path, draw)}"
    return f"{name}: {_manifest(path, draw) if name.startswith('manifest') else _records(path, draw)}"


def _bytes(path: Path, draw: random.Random) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = path.read_bytes() if path.exists() else b'{"pid": 1, "host": "a", "machine": "b", "token": "c"}'
    ways: dict[str, Callable[[], bytes]] = {
        "empty": lambda: b"",
        "cut": lambda: whole[: draw.randrange(len(whole) + 1)],
        "UTF-16": lambda: whole.decode().encode("utf-16"),
        "not UTF-8": lambda: whole[: len(whole) // 2] + b"\xff\xfe\n" + whole[len(whole) // 2 :],
        "zeros": lambda: bytes(len(whole)),
        "nested": lambda: b'{"pid": ' + b"[" * 4000 + b"]" * 4000 + b"}\n",
        "a list": lambda: b"[1, 2]\n",
        "NaN": lambda: b"NaN\n",
        "a number of 5000 digits": lambda: b'{"event": "epoch", "trial": ' + b"9" * 5000 + b"}\n",
        "an owner of no process": lambda: b'{"pid": 1e400, "host": "a", "machine": "b", "token": "c"}',
    }
    way = draw.choice([*ways, "folder"])
    content = ways[way]() if way in ways else b""
    path.unlink(missing_ok=True)
    if way == "folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    return way


def _manifest(path: Path, draw: random.Random) -> str:
    content = json.loads(path.read_text())
    told = [_change(content, draw) for _ in range(draw.choice([1, 1, 1, 2]))]
    path.write_text(_dumps(content))
    return "; ".join(told)


def _records(path: Path, draw: random.Random) -> str:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    at = draw.randrange(len(lines))
    way = draw.choice(["change"] * 8 + ["drop", "twice", "swap", "foreign"])
    told = f"line {at + 1} {way}"
    if way == "change":
        told += " " + _change(lines[at], draw)
    elif way == "drop":
        del lines[at]
    elif way == "twice":
        lines.insert(draw.randrange(len(lines)), copy.deepcopy(lines[at]))
    elif way == "swap":
        other = draw.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = draw.choice(VALUES)
    path.write_text("".join(_dumps(line) + "\n" for line in lines))
    return told


def _change(content: Any, draw: random.Random) -> str:
    """Change one place of a JSON value, however deep."""
    places = list(_places(content))
    holder, key = draw.choice(places)
    way = draw.choice(["value"] * 6 + ["missing", "extra"])
    if way == "missing":
        del holder[key]
    elif way == "extra" and isinstance(holder, dict):
        key = draw.choice(KEYS)
        holder[key] = copy.deepcopy(draw.choice(VALUES))
    else:
        holder[key] = copy.deepcopy(draw.choice(VALUES))
    return f"{way} {key}={str(holder.get(key) if isinstance(holder, dict) else '')[:60]!r}"


def _places(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from _places(item)


def _dumps(value: Any) -> str:
    return json.dumps(value).replace("Infinity", "1e400")


def fresh(template: Path, into: Path) -> Path:
    """A copy of an experiment to spoil."""
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(template, into)
    return into
