"""The check of a network that a user names, and what cannot be checked."""

from __future__ import annotations

import pytest

from kresnet.diagnostics.batch_norm_check import check_batch_norms
from kresnet.diagnostics.network_under_test import open_network_under_test
from kresnet.errors import KresnetError
from tests.probes.small_networks import document


def test_every_batch_norm_of_a_network_agrees_with_the_derivation():
    network = open_network_under_test(document(), batch=8)
    checks = check_batch_norms(network)
    assert [check.name for check in checks] == [record.name for record in network.plan.records if record.kind == "norm"]
    assert not any(check.failures for check in checks)


def test_a_network_without_batch_norm_is_refused():
    network = open_network_under_test(document(norm={"kind": "none"}), batch=4)
    with pytest.raises(KresnetError, match="contradiction"):
        check_batch_norms(network)
