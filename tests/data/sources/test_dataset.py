"""A data set's digest, and the channels that it must have."""

from __future__ import annotations

import hashlib

import pytest

from kresnet.data.sources.dataset import fingerprint, require_channels
from kresnet.errors import KresnetError
from kresnet.spec.inputs import Input


def test_a_fingerprint_does_not_depend_on_the_order_of_facts() -> None:
    assert fingerprint({"b": 1, "a": [2]}) == hashlib.sha256(b'{"a": [2], "b": 1}').hexdigest()
    assert fingerprint({"a": [2], "b": 1}) == fingerprint({"b": 1, "a": [2]}) != fingerprint({"a": [2], "b": 2})


def test_other_channels_than_the_network_takes_are_refused() -> None:
    require_channels("photographs", 3, Input(shape=(8, 6, 3)))
    with pytest.raises(KresnetError, match="photographs have 3 channels; the network takes 1") as caught:
        require_channels("photographs", 3, Input(shape=(8, 6, 1)))
    (problem,) = caught.value.problems
    assert (problem.code, problem.remedy) == ("data_mismatch", "--set input.shape=[8,6,3]")
