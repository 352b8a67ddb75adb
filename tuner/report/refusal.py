"""What a request is answered that cannot be served."""

from __future__ import annotations

from tuner.errors import TunerError


class Refusal(TunerError):
    """An HTTP status, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
