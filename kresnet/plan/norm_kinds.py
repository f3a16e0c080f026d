"""The parameters of the norms that ship."""

from __future__ import annotations

from kresnet.plan.kinds import gamma_and_beta, register_norm
from kresnet.plan.records import Parameter
from kresnet.spec.norms import BatchNorm, GroupNorm, LayerNorm, NoNorm


def _batch_norm_parameters(channels: int) -> tuple[Parameter, ...]:
    moving = (Parameter(name, (channels,), False) for name in ("moving_mean", "moving_variance"))
    return (*gamma_and_beta(channels), *moving)


register_norm(BatchNorm, None, parameters=_batch_norm_parameters)
register_norm(GroupNorm, None)
register_norm(LayerNorm, None)
register_norm(NoNorm, None, parameters=lambda channels: ())
