"""Pictures of the dashboard for the README, in Chromium: all searches, one of them, and one that runs.

    python -m benchmarks.screenshots

writes docs/list.png, docs/overview.png and docs/live.png, each below 150 kB. The searches are made up.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.report import generate
from tests.tuner.browser import chromium
from tuner.records import labels, nodes
from tuner.records.lock import DriverLock
from tuner.records.nodes import Gpu, Load, Node, Nodes
from tuner.records.paths import ExperimentPaths
from tuner.report.routes import ROUTES
from tuner.report.server import Server
from tuner.report.site import Site

FOLDER = Path(__file__).parent.parent / "docs"
LARGEST = 150_000  # bytes
_SIZES = {"list": (1340, 620), "overview": (1180, 860), "live": (1180, 1000)}  # pixels
_SEARCHES = {  # name -> family, space, tags, note
    "sigma-wide": ("blur", "search", ["paper"], "sigma up to 8: no better than 4"),
    "sigma-narrow": ("blur", "paper", ["paper", "final"], ""),
    "whitening": ("deconv", "search", [], "groups of 64 fit the memory"),
    "streams": ("online_norm", "search", ["batch-1"], ""),
    "affine-only": ("bn_only", "smoke", [], ""),
    "first": ("blur", "search", [], ""),
}
_RUNNING = "first"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder  # so that the storage is the default one, and no command has to name it
        storage = Path(folder) / "ray_results"
        for seed, name in enumerate(_SEARCHES):
            _search(storage / name, seed)
        running = ExperimentPaths(storage / _RUNNING)
        _half(running)
        with DriverLock(running.lock), _served(Site(storage, "~/ray_results")) as address, chromium() as browser:
            pages = {
                "list": address,
                "overview": f"{address}search/sigma-wide/",
                "live": f"{address}search/first/#tab=live",
            }
            for name, page in pages.items():
                size = _picture(browser, page, name)
                print(f"docs/{name}.png: {size / 1000:.0f} kB")


def _search(folder: Path, seed: int) -> None:
    family, space, tags, note = _SEARCHES[folder.name]
    paths = generate(folder, trials=40, epochs=27, seed=seed)
    known = json.loads(paths.manifest.read_text())
    launched = time.time() - 86400 * (len(_SEARCHES) - seed) + 80_000
    known |= {
        "family": family,
        "space": space,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(launched)),
    }
    paths.manifest.write_bytes(json.dumps(known).encode())
    labels.write_tags(paths, tags, [])
    labels.write_note(paths, note)
    _timed(paths, lambda count, line: launched + line * 5400 / count)


def _half(paths: ExperimentPaths) -> None:
    """The search as it was in its middle, some minutes ago until now: three trials train."""
    lines = paths.records.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    starts = [number for number, record in enumerate(records) if record["event"] == "start"]
    kept = records[: starts[24]]
    unended = [record["trial"] for record in kept if record["event"] == "end"][-3:]
    kept = [record for record in kept if not (record["event"] in ("end", "decision") and record["trial"] in unended)]
    _write(paths, kept)
    began = time.time() - 1500
    _timed(paths, lambda count, line: began + line * 1498 / count, step_seconds=6.0, epoch_seconds=5.6)
    card = "NVIDIA A100-SXM4-40GB"
    loads = [(0.62, 71, [(0.93, 21.4), (0.88, 20.9)]), (0.35, 54, [(0.91, 21.1), (0.04, 0.6)])]
    found = [
        Node(
            id=str(number),
            host=f"gpu-{number + 1:02d}",
            alive=True,
            cpus=32,
            gpus=2,
            trials=unended[number::2],
            load=Load(
                time=time.time() - 4,
                busy=busy,
                used=used * 2**30,
                memory=256 * 2**30,
                gpus=[Gpu(name=card, busy=share, used=gib * 2**30, memory=40 * 2**30) for share, gib in cards],
            ),
        )
        for number, (busy, used, cards) in enumerate(loads)
    ]
    nodes.write(paths, Nodes(time=time.time(), nodes=found))
    for trial in unended:
        log = paths.trial_log(trial)
        log.parent.mkdir(parents=True)
        log.write_bytes(f"INFO training on node gpu-01, GPU 0, process {4000 + trial}\n".encode())


def _timed(paths: ExperimentPaths, at: Callable[[int, int], float], **of_epochs: float) -> None:
    """Give the records other times, and epochs what is said of them."""
    records: list[dict[str, Any]] = [json.loads(line) for line in paths.records.read_text().splitlines()]
    for number, record in enumerate(records):
        record["time"] = at(len(records), number)
        record |= of_epochs if record["event"] == "epoch" else {}
    _write(paths, records)


def _write(paths: ExperimentPaths, records: list[dict[str, Any]]) -> None:
    paths.records.write_bytes("".join(f"{json.dumps(record)}\n" for record in records).encode())


@contextmanager
def _served(site: Site) -> Iterator[str]:
    with Server(site, ROUTES, 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


def _picture(browser: Any, page: str, name: str) -> int:
    width, height = _SIZES[name]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get("about:blank")
    browser.get(page)
    time.sleep(6)
    taken = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    # The octree keeps colours apart that few pixels have, as those of the seeds.
    taken = taken.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    target = FOLDER / f"{name}.png"
    taken.save(target, optimize=True)
    size = target.stat().st_size
    assert size < LARGEST, f"{target} has {size} bytes"
    return size


if __name__ == "__main__":
    main()
