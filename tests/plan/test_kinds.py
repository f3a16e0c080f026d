"""Kinds that nothing makes records of are told, not met as a bug."""

from __future__ import annotations

from typing import Literal

import pytest

from kresnet.errors import KresnetError
from kresnet.plan.kinds import block_kind, gamma_and_beta, norm_kind, record_kind
from kresnet.plan.records import Record
from kresnet.spec.block_kinds import BottleneckBlock
from kresnet.spec.norms import Norm


class Unmade(Norm):
    """Settings alone."""

    kind: Literal["unmade"]


def test_settings_without_records_are_an_extension_that_is_broken():
    with pytest.raises(KresnetError, match=r"kind `unmade` of norm has settings, .* \[extension_broken\]"):
        norm_kind(Unmade(kind="unmade"))


def test_a_record_of_no_registered_kind_is_an_extension_that_is_broken():
    with pytest.raises(KresnetError, match=r"`conv9` is a record of kind `swirl`, which nothing registered"):
        record_kind(Record("conv9", "swirl", (), (8,)))


def test_kinds_that_ship_are_called_by_their_names():
    assert block_kind(BottleneckBlock(kind="bottleneck")).label == "bottleneck"
    assert [parameter.shape for parameter in gamma_and_beta(5)] == [(5,), (5,)]
