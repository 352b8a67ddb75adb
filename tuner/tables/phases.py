"""What goes on while nothing else is shown, phase by phase with seconds: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tuner.records.standard_output import OutputLost

FIRST = 1.5  # seconds of a phase after which a plain line says that it goes on
NEXT = 4.5  # seconds to the next such line in the first minute; a tenth of what it took so far later on
WORTH = 1.0  # seconds; a phase that took less is not told

Item = TypeVar("Item")


class Phases:
    """Tells of one phase after another; each ends where the next one begins, or with `end`.

    Args:
        first: seconds of a phase after which a plain line says that it goes on; default `FIRST`.
    """

    def __init__(self, console: Console, first: float | None = None) -> None:
        self._console = console
        self._first = first
        self._phase: tuple[str, float] | None = None  # in words, and when it began
        self._progress: Progress | None = None
        self._over = threading.Event()

    def begin(self, text: str) -> None:
        """A phase begins, in a few words."""
        self.end()
        self._phase = (text, time.monotonic())
        if self._console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
            # Beside a spinner on stderr what is printed stays on stdout, where that is a file or a program.
            printed = not self._console.stderr or sys.stdout.isatty()
            self._progress = Progress(*columns, console=self._console, transient=True, redirect_stdout=printed)
            self._progress.add_task(text, total=None)
            self._progress.start()
        else:
            self._over = threading.Event()
            threading.Thread(target=self._go_on_telling, args=(*self._phase, self._over), daemon=True).start()

    def end(self, quiet: bool = False) -> None:
        """The phase is over, and what it took is told unless `quiet`; without one nothing happens."""
        phase, self._phase = self._phase, None
        self.keep_off_screen()
        self._over.set()
        if phase is not None and not quiet and (took := time.monotonic() - phase[1]) >= WORTH:
            self._say(f"{phase[0]}: {took:.1f} s")

    @contextlib.contextmanager
    def during(self, text: str) -> Iterator[None]:
        """The block is a phase, of which nothing is told afterwards."""
        self.begin(text)
        try:
            yield
        finally:
            self.end(quiet=True)

    def awaiting(self, text: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items; each is a phase while it is waited for, `text` with its number for `{}`."""
        waiting = iter(items)
        number = 0
        while True:
            number += 1
            with self.during(text.format(number)):
                try:
                    item = next(waiting)
                except StopIteration:
                    return
            yield item

    @property
    def now(self) -> str | None:
        """The phase with its seconds so far; None between phases."""
        phase = self._phase  # whoever draws the terminal asks while another thread ends it
        return None if phase is None else f"{phase[0]}: {time.monotonic() - phase[1]:.0f} s"

    def keep_off_screen(self) -> None:
        """Something else draws on the terminal from now on and shows `now` itself."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _go_on_telling(self, text: str, since: float, over: threading.Event) -> None:
        wait = FIRST if self._first is None else self._first
        while not over.wait(wait):
            took = time.monotonic() - since
            self._say(f"{text} ... {took:.0f} s")
            wait = NEXT if took < 60 else took / 10

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(OutputLost):  # a search begins all the same when nobody reads what it says of that
            self._console.print(sentence, style="dim", markup=False, highlight=False, soft_wrap=True)
