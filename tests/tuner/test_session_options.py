"""launch, resume and confirm take the same options for how a session runs, declared once, and receive them together."""

import inspect

import pytest

from tuner.commands import searches, session


@pytest.mark.parametrize("verb", ["launch", "resume", "confirm"])
def test_a_verb_that_runs_a_search_has_every_option_of_a_session(verb):
    parameters = inspect.signature(getattr(searches, verb)).parameters
    assert "session" not in parameters
    for option in session._OPTIONS:
        assert parameters[option.name] == option


def test_what_is_given_arrives_together_and_what_is_not_has_its_default():
    taken = []

    @session.takes_session
    def verb(session, name: str, top: int = 3):
        taken.append((session, name, top))

    verb("mine", storage="there", checkpoint_every=5.0)
    verb(name="mine", address="http://head:8265", top=1, detach=True)
    (here, *first), (there, *second) = taken
    assert (first, second) == (["mine", 3], ["mine", 1])
    assert (here.storage, here.data, here.detach, here.head) == ("there", None, False, None)
    assert (here.running.checkpoint_seconds, here.running.step_timeout) == (5.0, None)
    assert (there.head, there.detach) == ("http://head:8265", True)
