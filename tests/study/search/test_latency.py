"""Latencies are measured once a distinct network, kept on disk, and asked of a process that ends."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from kresnet.errors import KresnetError
from kresnet.study.search import latency
from kresnet.study.search.latency import LatencyTable, network_digest
from tests.study.search.fake_fits import search_plan

PROGRAM = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"ms": float(json.loads(line)["spec"]["stem"]["width"]), "batch": 1}), flush=True)
"""


def variants(count):
    plan = search_plan()
    return [plan.variant(n, values) for n, values in enumerate(plan.axes.draw(np.random.default_rng(0), count))]


def test_each_network_is_measured_once_and_kept(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        latency, "python_command", lambda module: asked.append(module) or [sys.executable, "-c", PROGRAM]
    )
    table, (first, second) = LatencyTable(tmp_path, 1), variants(2)
    assert [table.measure(each) for each in (first, second, first)] == [
        first.spec.stem.width, second.spec.stem.width, first.spec.stem.width,
    ]  # fmt: skip
    table.close()
    lines = [json.loads(line) for line in (tmp_path / "latency.jsonl").read_text().splitlines()]
    assert [line["network"] for line in lines] == [network_digest(first.plan), network_digest(second.plan)]
    assert asked == ["kresnet.export.latency"]
    monkeypatch.setattr(latency, "python_command", lambda module: [sys.executable, "-c", "raise SystemExit(1)"])
    again = LatencyTable(tmp_path, 1)
    assert again.measure(second) == second.spec.stem.width
    (third,) = variants(3)[2:]
    with pytest.raises(KresnetError, match="could not be measured"):
        again.measure(third)
    again.close()
    with pytest.raises(KresnetError):
        LatencyTable(tmp_path, 8).measure(second)  # another batch


def test_a_digest_is_of_the_network_and_not_of_its_name_or_recipe():
    plan = search_plan()
    values = plan.axes.draw(np.random.default_rng(0), 1)[0]
    one = plan.variant(0, values)
    other = plan.variant(1, values | {"recipe.optimizer.learning_rate": 0.5})
    assert network_digest(one.plan) == network_digest(other.plan)
    assert network_digest(one.plan) != network_digest(plan.variant(2, values | {"stem.width": 16}).plan)
