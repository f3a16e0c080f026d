"""Records are named after their scopes, and belong to the stage, the block and the role of the innermost."""

from __future__ import annotations

import pytest

from kresnet.errors import KresnetError
from kresnet.plan.records import Parameter
from kresnet.plan.scoped_records import ScopedRecords


def test_a_record_belongs_to_the_scope_that_it_is_appended_in():
    records = ScopedRecords()
    x = records.append("input", "input", (), (4, 4, 3))
    with records.scope("stage2"), records.scope("block3", stage=2, block=3):
        first = records.append("conv1", "conv", (x,), x.shape)
        with records.attention("eca"):
            gate = records.append("gate", "activation", (first,), x.shape)
        pad = records.append("pad", "identity_pad", (x,), x.shape, role="shortcut")
        assert (records.block_input, records.block_path) == (x, "stages.1.block")
    last = records.append("logits", "dense", (pad,), (10,))
    assert records.records == [x, first, gate, pad, last]
    assert [(r.name, r.stage, r.block, r.role) for r in records.records] == [
        ("input", None, None, "main"),
        ("stage2.block3.conv1", 2, 3, "main"),
        ("stage2.block3.eca.gate", 2, 3, "attention"),
        ("stage2.block3.pad", 2, 3, "shortcut"),
        ("logits", None, None, "main"),
    ]


def test_parameters_that_a_file_could_not_give_back_are_refused():
    records = ScopedRecords()
    x = records.append("input", "input", (), (4, 4, 3))
    with pytest.raises(KresnetError, match=r"parameters of `swirl` could not be read back .* \[extension_broken\]"):
        records.append("swirl", "multiply", (x, x), x.shape, parameters=(Parameter("alpha", (3,)),))
