"""The conditions of a check are those of the network under test."""

from __future__ import annotations

from types import SimpleNamespace

from kresnet.diagnostics.check_conditions import CheckConditions, check_conditions


def test_conditions_are_those_of_the_network_under_test():
    strategy = SimpleNamespace(num_replicas_in_sync=2)
    network = SimpleNamespace(images=range(8), engine=SimpleNamespace(strategy=strategy), precision="bfloat16",
                              provenance=("initial weights",))  # fmt: skip
    assert check_conditions(network) == CheckConditions(8, 2, "bfloat16", ("initial weights",))
