"""The table of parts: its columns add up to what the plan and the estimate of memory say."""

from __future__ import annotations

import kresnet
from kresnet.pages.editor.layer_table import HEAD, layer_rows


def test_rows_say_what_the_plan_says():
    rows = layer_rows(kresnet.load("resnet50").plan(), 32)
    assert all(len(row) == len(HEAD) for row in rows)
    by_part = {row[0].strip(): row for row in rows if not row[0].startswith("\N{EM SPACE}")}
    assert by_part["stage 4"][3] == "(N, 7, 7, 2048)"
    assert by_part["stem"][7] == "11 px /4"
    assert by_part["head"][7] == "all"
    total = sum(int(row[4].replace(",", "")) for row in by_part.values() if row[4] != "–")
    assert total == 25_610_152


def test_memory_grows_with_the_batch_and_a_vector_has_no_field():
    plan = kresnet.load("residual_mlp").plan()
    one, many = (layer_rows(plan, size) for size in (16, 64))
    assert [row[6] for row in one[:2]] == ["1 KiB", "4 KiB"]  # 16 inputs of 16 and 64 numbers of 4 bytes
    assert [row[6] for row in many[:2]] == ["4 KiB", "16 KiB"]
    assert {row[7] for row in one} == {"–"}
