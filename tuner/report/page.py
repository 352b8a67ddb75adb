"""The page itself: content, style, code and charts put into one HTML file that the browser forbids to use the network."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

from tuner.records import output, paths
from tuner.records.paths import ExperimentPaths
from tuner.report.content import content
from tuner.report.glossary import GLOSSARY
from tuner.results.history import History
from tuner.results.notebook import Experiment

_STATIC = Path(__file__).parent / "static"
_PLOTLY = _STATIC / "plotly.js.gz"
# In the order they are read: each uses only what stands before it.
_SCRIPTS = (
    *("dom", "state", "format", "glossary", "links", "table", "chart", "overview", "trials", "curves", "stopping"),
    *("parallel", "knobs", "details", "monitor", "trial_charts", "trial", "side", "act", "print", "main"),
)


def write(experiment: Experiment | ExperimentPaths | str | Path, path: str | Path) -> Path:
    """Write the report of an experiment as one HTML file and return its absolute path.

    Args:
        experiment: what `tuner.load` returns (the page shows what was recorded when it was loaded), or the experiment's
            paths, or its folder, or its name under `~/ray_results`.
        path: the file to write; one that is there is replaced, whole or not at all.

    Raises:
        BadInput: there is no such experiment, its records cannot be read, or the file cannot be written.
    """
    target = output.require_writable(Path(path))
    if isinstance(experiment, Experiment):
        shown = content(experiment.history, experiment.paths)
    else:
        found = experiment if isinstance(experiment, ExperimentPaths) else paths.experiment(str(experiment))
        shown = content(History.load(found), found)
    return output.write(target, render(shown).encode(errors="backslashreplace"))


def render(shown: dict[str, Any], *, live: dict[str, Any] | None = None) -> str:
    """The page as HTML.

    Args:
        shown: what `tuner.report.content.content` returns.
        live: given for a page that a server renews: `data` (address of new content), `seconds` (between two looks),
            `tensorboard` (address, or none), `trial` (address of what the folder of a trial holds) and, where the reader may
            act, `act` (address of the buttons). Such a page may reach its own server and nothing else.
    """
    return filled("page.html", _SCRIPTS, shown, live=live, charts=True, title=shown["name"], shown=shown)


def filled(
    template: str,
    scripts: tuple[str, ...],
    content: dict[str, Any],
    *,
    live: dict[str, Any] | None,
    charts: bool,
    **values: Any,
) -> str:
    """A template with its values, as a page that runs these scripts alone, on this content, and may reach its own server only
    where it is `live`; one with `charts` brings plotly.js."""
    import jinja2

    code = _joined(scripts)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_STATIC), autoescape=True)
    policy = {
        "default-src": "'none'",
        "script-src": " ".join(map(_hash, (_plotly(), code) if charts else (code,))),
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
        "connect-src": "'self'" if live else "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return environment.get_template(template).render(
        policy="; ".join(f"{name} {allowed}" for name, allowed in policy.items()),
        style=(_STATIC / "page.css").read_text(),
        code=code,
        plotly=_packed_plotly() if charts else None,
        content=as_script(content),
        live=as_script(live),
        **values,
    )


def as_script(value: Any) -> str:
    """The value as JSON that can stand inside a script element: no `<` that could end it or open a comment."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@functools.cache
def _plotly() -> str:
    """The source of plotly.js as the page unpacks it: what of it the charts use, made by `deploy/plotly/build.mjs`."""
    return gzip.decompress(_PLOTLY.read_bytes()).decode()


@functools.cache
def _packed_plotly() -> str:
    """The same as it lies in a page: compressed, in base64."""
    return base64.b64encode(_PLOTLY.read_bytes()).decode()


@functools.cache
def _joined(names: tuple[str, ...]) -> str:
    """The scripts of these names as one, behind the glossary."""
    glossary = f"const GLOSSARY = {as_script(GLOSSARY)};\n"
    return '"use strict";\n' + glossary + "\n".join((_STATIC / f"{name}.js").read_text() for name in names)


@functools.cache
def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
