"""A source file's fingerprint follows what it computes and nothing else."""

import pytest

from tuner.records.sources import fingerprint

CODE = b'''
"""Steps."""

from trainables.optim import sgd

__all__ = ["Step"]


class Step:
    """One step."""

    rate: float = 0.1  # of the weights

    def of(self, value):
        """The next value."""
        import math

        return value - self.rate * math.tanh(value)
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"""Steps."""', b""),
        (b"One step.", b"A step."),
        (b'        """The next value."""\n', b""),
        (b"  # of the weights", b"\n    # of nothing\n"),
        (b"from trainables.optim import sgd", b"from trainables.trial.optim import sgd\nimport os"),
        (b"        import math\n", b"        import cmath as math\n"),
        (b'["Step"]', b'["Step", "sgd"]'),
        (b"value - self.rate * math.tanh(value)", b"(\n            value - (self.rate * math.tanh(value))\n        )"),
    ],
)
def test_words_layout_and_where_names_come_from_do_not_count(old, new):
    assert old in CODE
    assert fingerprint(CODE.replace(old, new)) == fingerprint(CODE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"0.1", b"0.2"),
        (b"rate: float = 0.1", b"rate = 0.1"),
        (b"tanh", b"sinh"),
        (b"value - ", b"value + "),
        (b"value - self.rate * math.tanh(value)", b"(value - self.rate) * math.tanh(value)"),
        (b"class Step:", b"class Step(dict):"),
        (b"    def of(self, value):", b"    @staticmethod\n    def of(self, value):"),
        (b"return", b"yield"),
    ],
)
def test_everything_else_counts(old, new):
    assert old in CODE
    assert fingerprint(CODE.replace(old, new)) != fingerprint(CODE)


def test_a_file_of_docstring_and_imports_says_nothing():
    assert fingerprint(b'"""A room."""\n\nfrom os import path\n\n__all__ = ["path"]\n') is None
    assert fingerprint(b"") is None
    assert fingerprint(b"ROOMS = 3") is not None


def test_types_of_constants_count():
    assert len({fingerprint(source) for source in (b"x = 1", b"x = 1.0", b"x = True", b"x = '1'", b"x = b'1'")}) == 5
