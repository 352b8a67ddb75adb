"""What a dataset is known to be by its name decides the defaults of every family alike."""

import pytest

from trainables import families
from trainables.config import dataset_kinds as kinds


@pytest.mark.parametrize("family", families.names())
@pytest.mark.parametrize("name", kinds.KINDS)
def test_no_family_mirrors_images_that_would_become_others(family, name):
    kind = kinds.KINDS[name]
    config = families.config_class(family)(dataset=f"{name}:/data" if kind.layout else name)
    if not kind.mirrored:
        assert config.augmentation == "none"
    if config.augmentation == "resized-crop":
        assert kind.streamed


def test_a_name_that_is_no_dataset_is_taken_for_what_holds_of_most():
    assert not kinds.of("cifr10").streamed
    assert kinds.of("cifr10").mirrored
    assert kinds.of("imagenet").streamed  # its classes and transform, without images
