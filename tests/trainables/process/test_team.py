"""Whose images of a batch are whose, and what cannot be divided."""

import itertools

import pytest
import torch

from trainables import families
from trainables.blur import mix_batch
from trainables.config.blur import BlurConfig
from trainables.images import batches
from trainables.images.augmentation import colour_jitter
from trainables.process.team import Team
from trainables.trial.preflight import require_batches


@pytest.mark.parametrize(
    ("images", "batch_size", "size"), list(itertools.product((7, 16, 17, 33), (4, 8), (1, 2, 3, 4)))
)
def test_the_parts_of_a_team_are_its_batches_and_nobody_is_left_without_images(images, batch_size, size):
    whole = list(batches.slices(images, batch_size, batches.least(Team(0, size))))
    assert len(whole) == batches.count(images, batch_size, batches.least(Team(0, size)))
    for batch in whole:
        parts = [list(range(images))[Team(rank, size).part(batch)] for rank in range(size)]
        assert all(parts)
        assert sorted(itertools.chain(*parts)) == list(range(images))[batch]
        assert [len(part) for part in parts] == [
            len(Team(rank, size).positions(batch.stop - batch.start)) for rank in range(size)
        ]


def test_parts_of_a_batch_are_blurred_and_coloured_as_the_whole_is():
    images = torch.rand(7, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    config = BlurConfig(mode="random-mix", min_sigma=0.5, max_sigma=2)
    for change in (
        lambda x, where: mix_batch(x, config, torch.Generator().manual_seed(1), where),
        lambda x, where: colour_jitter(x, 0.3, torch.Generator().manual_seed(1), where),
    ):
        whole = change(images, range(7))
        for rank in range(3):
            where = Team(rank, 3).positions(7)
            assert torch.allclose(change(images[rank::3], where), whole[rank::3], atol=1e-6)


def test_what_a_team_cannot_divide_is_refused_in_one_sentence():
    config = families.config_class("blur")
    with pytest.raises(
        ValueError, match="`batch_size` is 2, but each of the 4 GPUs of a replicate must get an image; raise"
    ):
        require_batches(config(batch_size=2), 4)
    with pytest.raises(ValueError, match=r"`skip_unreadable` is true, but where images are .* the 2 GPUs"):
        require_batches(config(dataset="imagenet:here", skip_unreadable=True), 2)
    require_batches(config(dataset="folder:here", skip_unreadable=True, batch_size=2), 2)
