"""The two instruments as `kresnet check` runs them, on one batch and without a step."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from kresnet.diagnostics.network_under_test import NetworkUnderTest
from kresnet.graph import build_model
from kresnet.probes.batch_norm_agreement import NormCheck, norm_checks, require_batch_norms
from kresnet.probes.block_paths import block_paths
from kresnet.probes.gradient_flow import GradientFlow, gradient_flow
from kresnet.probes.jacobian import SingularValues, singular_values
from kresnet.probes.probe import Probe
from kresnet.probes.replay import replay

#: Images at which Jacobians are taken.
JACOBIAN_IMAGES = 8


@dataclass(frozen=True, slots=True)
class CheckConditions:
    """Under which a check was made."""

    batch: int
    replicas: int
    precision: str
    provenance: tuple[str, ...]


def conditions(subject: NetworkUnderTest) -> CheckConditions:
    return CheckConditions(
        len(subject.images), subject.engine.strategy.num_replicas_in_sync, subject.precision, subject.provenance
    )


def check_batch_norms(subject: NetworkUnderTest) -> list[NormCheck]:
    """Compare every batch norm's gradients with the derivation.

    Raises:
        KresnetError: as `require_batch_norms`.
    """
    engine = subject.engine
    require_batch_norms(subject.plan, len(subject.images), engine.strategy.num_replicas_in_sync)
    probe = Probe(subject.plan, engine.trainer.network, check_norms=True, measure_blocks=False)
    replicas = engine.measure(subject.batch(), probe)
    return norm_checks([norm.name for norm in probe.norms], [found["batch_norm"] for found in replicas])


def check_gradients(subject: NetworkUnderTest, *, jacobians: bool = True) -> GradientFlow:
    """Measure the gradient at every block, and the blocks' Jacobians."""
    probe = Probe(subject.plan, subject.engine.trainer.network, check_norms=False, measure_blocks=True)
    found = subject.engine.measure(subject.batch(), probe)[0]["flow"]
    singular = _jacobians(subject) if jacobians else []
    return gradient_flow(subject.label, probe.blocks, found, singular)


def _jacobians(subject: NetworkUnderTest) -> list[SingularValues]:
    """Of every block, at what reaches it from the first images of the batch, on one device."""
    network = subject.engine.trainer.network
    if subject.engine.strategy.num_replicas_in_sync > 1:  # mirrored layers cannot be called outside their strategy
        weights = network.get_weights()
        network = build_model(subject.plan, precision=subject.precision)
        network.set_weights(weights)
    images = tf.constant(subject.images[:JACOBIAN_IMAGES], tf.float32)
    passage = replay(network, subject.plan.records, {"input": images})
    return [singular_values(network, block, passage.outputs[block.input]) for block in block_paths(subject.plan)]
