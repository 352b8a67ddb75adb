"""The command that launches a search again with something changed."""

from __future__ import annotations

import shlex

from tuner.records.manifest import Manifest

_DROPPED = {"--name": 1, "--or-resume": 0, "--notify": 1, "--detach": 0, "--dry-run": 0}  # and how many words follow


def launched_again(manifest: Manifest, *changes: str) -> str | None:
    """The command of the launch without its name and with `changes` ("--grace", "3"); None where no command launched it.

    What the changes say replaces what the command said of the same option, or of the same knob of `--set`.
    """
    words = manifest.words
    if words[:2] != ["tuner", "launch"] or "***" in (manifest.command or "") or not manifest.rebuildable:
        return None
    replaced = {_key(*changes[at : at + 2]) for at in range(0, len(changes), 2)}
    kept: list[str] = []
    left = words[2:]
    while left:
        word = left.pop(0)
        option, equals, value = word.partition("=")
        if option in _DROPPED:
            del left[: 0 if equals else _DROPPED[option]]
        elif option.startswith("--") and _key(option, value if equals else (left or [""])[0]) in replaced:
            del left[: 0 if equals else 1]
        else:
            kept.append(word)
    return shlex.join(["tuner", "launch", *kept, *changes])


def _key(option: str, value: str) -> str:
    return f"{option} {value.partition('=')[0].strip().replace('-', '_')}" if option == "--set" else option
