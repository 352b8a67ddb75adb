"""The form of each record: what a line must hold, checked by pydantic as it is parsed, faster than `json.loads` alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic reads that of the standard library from Python 3.12 on only

from tuner.records.forms import LARGEST, complaint, refused, unfit

Record = dict[str, Any]
_FORM = ConfigDict(extra="allow", strict=True)


def _knobs(config: dict[str, Any]) -> dict[str, Any]:
    found = next(unfit(config), None)
    if found is not None:
        raise refused(f"holds a knob that no family can have: {found}")
    return config


Index = Annotated[int, Field(ge=0, le=10**9)]
Epoch = Annotated[int, Field(ge=1, le=10**9)]
Measured = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Moment = Annotated[float, Field(ge=-9e9, le=9e9, allow_inf_nan=False)]  # unix seconds; calendars hold that much
Knobs = Annotated[dict[str, Any], AfterValidator(_knobs)]


class _Any(TypedDict):
    """A record of a later version: only what every record has."""

    __pydantic_config__ = _FORM  # type: ignore[misc]
    event: str
    time: NotRequired[Moment]
    trial: NotRequired[Index]


class _Record(TypedDict):
    __pydantic_config__ = _FORM  # type: ignore[misc]
    event: Any  # which each form narrows; first, as in every line
    time: Moment


class _OfTrial(_Record):
    trial: Index


class _Session(_Record):
    event: Literal["session"]
    action: Literal["start", "end"]
    pid: NotRequired[Index]  # of a start
    host: NotRequired[str]
    outcome: NotRequired[Literal["finished", "interrupted", "failed"]]  # of an end


class _Trial(_OfTrial):
    event: Literal["trial"]
    baseline: NotRequired[bool]
    config: Knobs


class _Start(_OfTrial):
    event: Literal["start"]
    epoch: NotRequired[Index]  # 0 before the first


class _Reported(TypedDict):
    __pydantic_config__ = _FORM  # type: ignore[misc]
    median: Measured | None
    values: list[Measured | None]


class _Epoch(_OfTrial):
    event: Literal["epoch", "repeat"]
    epoch: Epoch
    metrics: dict[str, _Reported]
    replicates_ok: Index
    learning_rate: NotRequired[Measured | None]
    epoch_seconds: NotRequired[Seconds | None]
    scalars: NotRequired[dict[str, Measured | None] | None]
    rung: NotRequired[Epoch]  # of a repeated epoch of replicates that joined there, with `first`
    first: NotRequired[Epoch]


class _Late(_Epoch):
    """An epoch of replicates that joined at a rung; `repeat` where it was trained again."""

    event: Literal["late"]  # type: ignore[misc]
    rung: Epoch  # type: ignore[misc]
    first: Epoch  # type: ignore[misc]


class _Promote(_OfTrial):
    event: Literal["promote"]
    rung: Epoch
    value: Measured | None
    cutoff: Measured | None
    of: Epoch
    seeds: NotRequired[Epoch]
    reason: str
    bracket: NotRequired[str | None]


class _Decision(_Promote):
    event: Literal["decision"]  # type: ignore[misc]
    action: Literal["continue", "stop", "wait"]


class _ReplicateFailed(_OfTrial):
    event: Literal["replicate_failed"]
    replicate: Index
    epoch: Index
    kind: str
    message: str
    traceback: NotRequired[str | None]


class _Error(_OfTrial):
    event: Literal["error"]
    message: str
    kind: NotRequired[str | None]
    traceback: NotRequired[str | None]
    replicate: NotRequired[Index | None]
    epoch: NotRequired[Index | None]


class _End(_OfTrial):
    event: Literal["end"]
    status: Literal["completed", "stopped", "diverged", "failed"]
    epoch: Index
    reason: NotRequired[str | None]


_KNOWN: TypeAdapter[Any] = TypeAdapter(
    Annotated[
        _Session | _Trial | _Start | _Epoch | _Late | _Decision | _Promote | _ReplicateFailed | _Error | _End,
        Field(discriminator="event"),
    ]
)
_LATER: TypeAdapter[Any] = TypeAdapter(_Any)


class WrongForm(ValueError):
    """A line that is no record: `event` names the record it would be, empty where it names none."""

    def __init__(self, event: str, complaint: str) -> None:
        super().__init__(complaint)
        self.event = event


def parse(line: bytes) -> Record:
    """The record of one line; `WrongForm` with what is wrong with it."""
    try:
        record: Record = _KNOWN.validator.validate_json(line)
        return record
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]["type"]
        if first == "json_invalid":
            return _other_json(line)
        if first == "union_tag_not_found":
            raise WrongForm("", "`event` is missing") from None
        if first == "union_tag_invalid":
            return _checked(_LATER.validator.validate_json, line, "")
        raise _wrong(error) from None


def _other_json(line: bytes) -> Record:
    """What pydantic's parser does not take and Python's does: a text with lone surrogates, the name of an odd folder."""
    try:
        content = json.loads(line.decode())
    except (ValueError, RecursionError):
        raise WrongForm("", "it is no JSON") from None
    if not isinstance(content, dict):
        raise WrongForm("", "it is no object")
    whole = {key: _config(value) if key == "config" else _encodable(value) for key, value in content.items()}
    known = whole.get("event") in _EVENTS
    return _checked((_KNOWN if known else _LATER).validator.validate_python, whole, "")


def _checked(validate: Callable[[Any], Any], content: Any, tag: str) -> Record:
    try:
        record: Record = validate(content)
    except ValidationError as error:
        raise _wrong(error) from None
    return record


def _wrong(error: ValidationError) -> WrongForm:
    first = error.errors(include_url=False)[0]
    event = str(first["loc"][0]) if first["loc"] else ""
    if event not in _EVENTS:
        return WrongForm("", complaint(error))
    return WrongForm(event, complaint(error, event))


def _config(value: Any) -> Any:
    """The configuration, whose texts must name what they named: trials train on that folder."""
    return {_encodable(key): item for key, item in value.items()} if isinstance(value, dict) else value


def _encodable(value: Any) -> Any:
    """The value with its lone surrogates written out."""
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list) else value


_EVENTS = (
    "session",
    "trial",
    "start",
    "epoch",
    "repeat",
    "late",
    "decision",
    "promote",
    "replicate_failed",
    "error",
    "end",
)
