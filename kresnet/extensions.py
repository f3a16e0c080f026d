"""Kinds of your own: what a package or a script needs to add kinds of blocks, attention, norms and records.

A kind of block, attention or norm is its settings and what the plan makes of them; registered, it can be named in
specs, and the schema, errors with lines, overrides, figures of parameters and cost, drawings, memory, checks, export
and all else know it as they know the kinds that ship. Those are registered by the same functions.

- `register_block`: settings, a subclass of `Block`, `ResidualBlock` or `ConvBlock`; and a function that appends the
  records of one block, given a `BlockContext` and the record that it reads. `append_residual` does all but the weighted
  layers for blocks that have the orders and shortcuts of the ResNet papers.
- `register_attention`: settings, a subclass of `Attention`; and a function that appends its records, given a
  `PlanBuilder`, the map and the settings.
- `register_norm`: settings, a subclass of `Norm`; its parameters, and a function that makes its Keras layer.
- `register_loss`, `register_metric`, `register_optimizer`, `register_schedule`, `register_augmentation`,
  `register_data_source`, `register_tracker`: what recipes name, each with settings and a function, by their docstrings.
- `register_record`: a layer that the plan has not yet: how it is called, what it keeps for the backward pass, whether a
  batch norm can be folded into it, and a function that makes its Keras layer. `PlanBuilder.append` appends it, with the
  shape, the parameters and the multiply-accumulates that the caller computes; every built model is compared with them.

A script calls these before it loads a spec. For commands, studies and workers, which are processes of their own, the
module that calls them belongs to an installed package with an entry point of the kind's name: `kresnet.blocks`,
`kresnet.attentions`, `kresnet.norms`, `kresnet.losses`, `kresnet.metrics`, `kresnet.optimizers`, `kresnet.schedules`,
`kresnet.augmentations`, `kresnet.data_sources`, `kresnet.trackers`. It is imported when a document names the kind. A
document never names code.

Importing this module imports no TensorFlow, and modules of kinds should not either: a plan needs none. The functions
that make Keras layers import it themselves. `docs/extensions.md` goes through an example.
"""

from kresnet.plan.attention import append_attention
from kresnet.plan.block_context import BlockContext
from kresnet.plan.dilation import ONE_BY_ONE, WindowStep
from kresnet.plan.kinds import (
    gamma_and_beta,
    register_attention,
    register_block,
    register_norm,
    register_record,
)
from kresnet.plan.plan_builder import PlanBuilder
from kresnet.plan.records import Parameter, Plan, Record
from kresnet.plan.residual import WeightedLayer, append_residual
from kresnet.spec.attention import Attention
from kresnet.spec.base import Activation, Count, Document, Flag, Fraction, Kernel, NonNegative, Positive, Width
from kresnet.spec.blocks import (
    Block,
    BlockPlace,
    ConvBlock,
    Order,
    Preactivation,
    ResidualBlock,
    Shortcut,
    contradiction,
    within,
)
from kresnet.spec.kinds import OpenUnion
from kresnet.spec.norms import BatchNorm, Norm
from kresnet.spec.recipe import Loss, Metric, Optimizer, Schedule, Tracker, WarmUp
from kresnet.spec.recipe.augment import Augmentation
from kresnet.spec.recipe.data import DataSource
from kresnet.training.loop.trackers.run_tracker import RunTracker, TrackedRun
from kresnet.training.recipe_kinds import (
    register_augmentation,
    register_data_source,
    register_loss,
    register_metric,
    register_optimizer,
    register_schedule,
    register_tracker,
)
from kresnet.training.step.metric_forms import ExampleMetric, ExampleOutputs, MatrixMetric, OutputMetric, SumMetric

__all__ = [
    "ONE_BY_ONE",
    "Activation",
    "Attention",
    "Augmentation",
    "BatchNorm",
    "Block",
    "BlockContext",
    "BlockPlace",
    "ConvBlock",
    "Count",
    "DataSource",
    "Document",
    "ExampleMetric",
    "ExampleOutputs",
    "Flag",
    "Fraction",
    "Kernel",
    "Loss",
    "MatrixMetric",
    "Metric",
    "NonNegative",
    "Norm",
    "OpenUnion",
    "Optimizer",
    "Order",
    "OutputMetric",
    "Parameter",
    "Plan",
    "PlanBuilder",
    "Positive",
    "Preactivation",
    "Record",
    "ResidualBlock",
    "RunTracker",
    "Schedule",
    "Shortcut",
    "SumMetric",
    "TrackedRun",
    "Tracker",
    "WarmUp",
    "WeightedLayer",
    "Width",
    "WindowStep",
    "append_attention",
    "append_residual",
    "contradiction",
    "gamma_and_beta",
    "register_attention",
    "register_augmentation",
    "register_block",
    "register_data_source",
    "register_loss",
    "register_metric",
    "register_norm",
    "register_optimizer",
    "register_record",
    "register_schedule",
    "register_tracker",
    "within",
]
