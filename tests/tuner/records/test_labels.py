"""A note and tags of an experiment: written whole, never by a driver, refused in one sentence."""

import pytest

from tests.tuner.experiments import finished
from tuner.errors import BadInput
from tuner.records import labels
from tuner.records.labels import Labels


@pytest.fixture
def paths(tmp_path):
    return finished(tmp_path).paths


def test_nothing_said_is_no_note_and_no_tags_and_no_file(paths):
    assert labels.read(paths) == Labels()
    assert not paths.labels.exists()


def test_the_note_is_replaced_and_the_tags_are_kept(paths):
    records = paths.records.read_bytes()
    labels.write_tags(paths, ["paper"])
    labels.write_note(paths, "first")
    assert labels.write_note(paths, "second") == labels.read(paths) == Labels("second", ("paper",))
    assert labels.write_note(paths, "") == Labels("", ("paper",))
    assert paths.records.read_bytes() == records


@pytest.mark.parametrize("tag", ["two words", "a,b", "", "-x", "#x", "x" * 41, "a\nb", "[red]"])
def test_a_tag_that_could_not_be_typed_again_is_refused(paths, tag):
    with pytest.raises(BadInput, match=r"the tag is .* but must have at most 40 letters"):
        labels.write_tags(paths, ["good", tag])
    assert labels.read(paths) == Labels()


def test_what_is_no_tag_of_it_cannot_be_removed(paths):
    with pytest.raises(BadInput, match="`x` is not a tag of `made-up`, it has none"):
        labels.write_tags(paths, remove=["x"])
    labels.write_tags(paths, ["paper", "old"])
    with pytest.raises(BadInput, match="its tags are paper, old; did you mean `paper`"):
        labels.write_tags(paths, remove=["papers"])


@pytest.mark.parametrize(("text", "sentence"), [("x" * 501, "has 501 characters"), ("a\x1b[31m", "cannot show")])
def test_a_note_that_no_list_can_show_is_refused(paths, text, sentence):
    with pytest.raises(BadInput, match=sentence):
        labels.write_note(paths, text)


@pytest.mark.parametrize("content", ["", "[]", '{"tags": "x"}', '{"note": 3}', "\ud800".encode(errors="surrogatepass")])
def test_a_file_of_another_form_is_said_and_not_overwritten(paths, content):
    paths.labels.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match="is not of the form of a note and tags"):
        labels.write_tags(paths, ["x"])
    assert paths.labels.read_bytes() == (content if isinstance(content, bytes) else content.encode())
