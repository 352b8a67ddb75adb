"""Random streams are functions of their names."""

import random

import numpy as np
import torch

from trainables import seeding


def test_a_stream_depends_on_every_part_of_its_name_and_nothing_else():
    names = [(0, 0, "train", 0), (1, 0, "train", 0), (0, 1, "train", 0), (0, 0, "init", 0), (0, 0, "train", 1)]
    assert len({seeding.derive(*name) for name in names}) == len(names)
    assert seeding.derive(3, 2, "train", 7) == seeding.derive(3, 2, "train", 7)


def test_parts_of_a_name_do_not_run_into_each_other():
    assert seeding.derive(1, 11, "a") != seeding.derive(11, 1, "a")


def test_streams_are_the_same_on_every_machine():
    assert seeding.derive(0, 0, "init") == 4704038766921837530


def test_global_generators_restart_at_the_named_stream():
    def draws():
        seeding.seed_globals(5, 1, "train", 3)
        return torch.rand(3).tolist(), np.random.rand(3).tolist(), random.random()

    first = draws()
    torch.rand(7), np.random.rand(7), random.random()
    assert draws() == first


def test_generators_of_one_stream_draw_alike():
    one, two = seeding.generator(0, 4, "batches", 2), seeding.generator(0, 4, "batches", 2)
    assert torch.equal(torch.rand(5, generator=one), torch.rand(5, generator=two))
