"""`kresnet check bn`: every batch norm's gradients against the derivation, on one batch and without a training step."""

from __future__ import annotations

from kresnet.diagnostics.network_under_test import NetworkUnderTest
from kresnet.probes.batch_norm_agreement import NormCheck, norm_checks, require_batch_norms
from kresnet.probes.probe import Probe


def check_batch_norms(network: NetworkUnderTest) -> list[NormCheck]:
    """Compare every batch norm's gradients with the derivation.

    Raises:
        KresnetError: as `require_batch_norms`.
    """
    engine = network.engine
    require_batch_norms(network.plan, len(network.images), engine.strategy.num_replicas_in_sync)
    probe = Probe(network.plan, engine.trainer.network, check_norms=True, measure_blocks=False)
    replicas = engine.measure(network.batch(), probe)
    return norm_checks([norm.name for norm in probe.norms], [findings["batch_norm"] for findings in replicas])
