"""Copies among digests: which is the first, in which order of splits."""

import numpy as np

from kresnet.data.preparation.copies import find_first_copies


def digests(*numbers):
    """Digests that stand for files; 0 for one that cannot be read."""
    rows = [np.random.default_rng(number).bytes(16) if number else bytes(16) for number in numbers]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 16)


def test_the_first_stays_in_test_before_validation_before_training():
    found = find_first_copies({"train": digests(1, 2, 1, 3, 4), "test": digests(5, 3, 5), "validation": digests(4, 6)})
    # Among all: test 0-2, validation 3-4, training 5-9.
    assert found["test"].tolist() == [-1, -1, 0]
    assert found["validation"].tolist() == [-1, -1]
    assert found["train"].tolist() == [-1, -1, 5, 1, 3]


def test_what_cannot_be_read_is_no_copy():
    assert (find_first_copies({"train": digests(0, 0, 7), "test": digests(0)})["train"] == -1).all()


def test_agrees_with_a_dictionary_of_many():
    numbers = np.random.default_rng(0).integers(1, 300, 1000)
    found = find_first_copies({"train": digests(*numbers[300:]), "test": digests(*numbers[:300])})
    first: dict[int, int] = {}
    expected = [first.setdefault(int(number), place) for place, number in enumerate(numbers)]
    expected = [-1 if original == place else original for place, original in enumerate(expected)]
    assert np.concatenate([found["test"], found["train"]]).tolist() == expected
