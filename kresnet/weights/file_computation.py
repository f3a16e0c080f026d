"""What a Keras file computes that a plan does not: before, within and behind the layers whose weights it shares.

Both networks are followed from their outputs to their inputs, side by side. What gives back what it takes is passed
and told; what the plan has too goes on; whatever else the file computes is named. Before the first layer with weights
stands what makes numbers of pixels: that is read as a spec's `input.pixels`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kresnet.plan import Plan, Record
from kresnet.weights.counterparts import (
    changes_nothing,
    hard_sigmoid_operand,
    is_counterpart,
    pads_as_same,
    stands_in_for,
)
from kresnet.weights.files.keras_graph import Operation, OperationGraph
from kresnet.weights.files.pixel_arithmetic import NotLinearError, PixelMap, read_pixel_map
from kresnet.weights.files.tensor import WeightTensor
from kresnet.weights.keras_operations import (
    ONLY_IN_TRAINING,
    PADDING,
    applied_function,
    is_identity,
    keeps_size,
    operation_text,
    padding_side,
)

#: A record, and what stands in its place in the file; None where the file's network begins before it.
_Place = tuple[Record, Operation | None]


@dataclass(frozen=True, slots=True)
class ExtraOperation:
    """Something that a file computes and the plan does not.

    Attributes:
        layer: name of the layer.
        text: what it is and where, in words.
    """

    layer: str
    text: str


@dataclass(slots=True)
class FileComputation:
    """What a Keras file computes beside the layers whose weights a plan takes from it.

    Attributes:
        pixels: what it makes of pixels before the first layer with weights; None where nothing does.
        pixel_layers: names of the layers that do.
        extra: what it computes and the plan does not.
        passed: names of layers that give back what they take, and are in no plan.
        left_out: names of layers that go with weights which the caller leaves out.
        ending: name of the function behind the logits, with its layer; empty for none.
    """

    pixels: PixelMap | None = None
    pixel_layers: tuple[str, ...] = ()
    extra: list[ExtraOperation] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    ending: str = ""


def read_computation(
    plan: Plan,
    graph: OperationGraph,
    layers: Mapping[str, str],
    tensors: Mapping[str, WeightTensor],
    allow_unused: Sequence[str] = (),
) -> FileComputation:
    """Return what a file's network computes beside the layers that it shares with a plan.

    Args:
        plan: the network to load.
        graph: the network of the file.
        layers: the file's layer of each record whose weights are in the file, by the record's name.
        tensors: the weights of the file, by `LAYER/VARIABLE`.
        allow_unused: names of layers of the file that the caller leaves out.
    """
    walk = _Walk(plan, graph, layers, tensors, set(allow_unused))
    walk.from_outputs()
    if len(walk.fronts) == 1:
        walk.read_front(next(iter(walk.fronts)))
    for name in walk.fronts if len(walk.fronts) > 1 else ():
        walk.add_extra(graph.operations[name], "in front of a part of the network")
    return walk.found


class _Walk:
    """The way through both networks, from their outputs to their inputs."""

    def __init__(
        self,
        plan: Plan,
        graph: OperationGraph,
        layers: Mapping[str, str],
        tensors: Mapping[str, WeightTensor],
        allowed: set[str],
    ) -> None:
        self.plan, self.graph, self.layers, self.tensors, self.allowed = plan, graph, layers, tensors, allowed
        self.records = {layer: record for record, layer in layers.items()}
        self.found, self.fronts = FileComputation(), set[str]()
        self._below_record = _weights_below({r.name: r.inputs for r in plan.records}, lambda n: n in layers and n)
        operations = graph.operations
        self._below_operation = _weights_below(
            {name: operation.inputs for name, operation in operations.items()},
            lambda n: self.records.get(operations[n].layer) if self._is_weighted(operations[n]) else None,
        )

    def from_outputs(self) -> None:
        """Follow the networks from the plan's last record that the file has, and from the file's output."""
        record = self.plan.by_name[list(self.plan.outputs.values())[-1]]
        operation: Operation | None = self.graph.operations[self.graph.output]
        new_head = record.name.startswith("head.") and record.name not in self.layers
        while record.name.startswith("head.") and new_head:
            record = self.plan.by_name[record.inputs[0]]
        if not new_head and self.plan.probabilities:
            operation = self._strip_ending(operation)
        if dropped := self._behind_left_out(record, operation, new_head):
            self.found.left_out += [each.layer for each in dropped]
            operation = self.graph.input_of(dropped[-1])
        pending: list[_Place] = [(record, operation)]
        seen = set()
        while pending:
            record, operation = pending.pop()
            if operation is None or (record.name, operation.key) in seen:
                continue
            seen.add((record.name, operation.key))
            pending += self._step(record, operation)

    def read_front(self, key: str) -> None:
        """Read what the file makes of its input before it enters what the plan has."""
        operations, chain = self.graph.operations, self.graph.up_to(key)
        channels = self.plan.input_shape[-1]
        without_effect = [each for each in chain if is_identity(each) or keeps_size(each, self.graph)]
        self.found.passed += [each.layer for each in without_effect if each.kind != "Cast"]
        left_out = [each for each in chain if each.layer in self.allowed]
        self.found.left_out += [each.layer for each in left_out]
        skipped = {each.key for each in (*without_effect, *left_out)}
        computing = [each for each in chain if each.key not in skipped and each.kind != "InputLayer"]
        if not computing:
            return None
        first = next(each for each in self.plan.records if each.parameters)
        kernel = self.tensors.get(f"{self.layers.get(first.name)}/kernel")
        if kernel and len(kernel.shape) == 4 and kernel.shape[2] != first.parameters[0].shape[2]:
            self.found.left_out += [each.layer for each in computing]  # it is of pictures with other channels
            return None
        try:
            if len(self.plan.input_shape) != 3:
                raise NotLinearError(computing[-1])
            pixels = read_pixel_map(self.graph, key, channels, self.tensors, skipped)
        except NotLinearError as error:
            return self.add_extra(operations[error.operation.key], "in front of the network")
        if pixels.as_pixels() is None:
            return self.add_extra(
                computing[-1], "in front of the network: no range, mean and deviation say what it does"
            )
        self.found.pixels = pixels
        self.found.pixel_layers = tuple(dict.fromkeys(each.layer for each in computing))
        return None

    def add_extra(self, operation: Operation, place: str) -> None:
        """Note something that the file computes and the plan does not, unless the caller leaves it out."""
        if operation.layer in self.allowed:
            self.found.left_out.append(operation.layer)
            return
        extra = ExtraOperation(operation.layer, f"{operation.key}, {operation_text(operation)}, {place}")
        if extra not in self.found.extra:
            self.found.extra.append(extra)

    def _strip_ending(self, operation: Operation | None) -> Operation | None:
        """Pass the function that makes probabilities of the file's logits."""
        while operation and is_identity(operation):
            self.found.passed.append(operation.layer)
            operation = self.graph.input_of(operation)
        if operation and applied_function(operation) == self.plan.probabilities:
            self.found.ending = f"{self.plan.probabilities} ({operation.layer})"
            return self.graph.input_of(operation)
        return operation

    def _behind_left_out(self, record: Record, operation: Operation | None, new_head: bool) -> list[Operation]:
        """Return the operations from the output on that go with a head which the caller leaves out, or replaces."""
        chain: list[Operation] = []
        while operation is not None and not (operation.layer in self.records and self._is_weighted(operation)):
            chain.append(operation)
            operation = self.graph.input_of(operation) if len(operation.inputs) == 1 else None
        own = {name.rpartition("/")[0] for name in self.tensors} if new_head else set()
        given_up = [n for n, each in enumerate(chain) if each.layer in self.allowed or each.layer in own]
        start = given_up[-1] + 1 if given_up else 0
        if not (given_up or new_head):
            return []
        ends = (n for n in range(start, len(chain)) if self._agree(record, chain[n]))
        return chain[: next(ends, start)]

    def _step(self, record: Record, operation: Operation) -> Iterable[_Place]:
        """Compare two places of the networks, and return the pairs of places before them."""
        if record.kind != "normalize" and stands_in_for(operation, record):
            before: Operation | None = operation
            while before and stands_in_for(before, record):
                before = self.graph.input_of(before)
            return [(self.plan.by_name[record.inputs[0]], before)]
        if record.kind in ("dropout", "stochastic_depth"):
            if operation.kind in ONLY_IN_TRAINING:
                operation = self.graph.input_of(operation) or operation
            return [(self.plan.by_name[record.inputs[0]], operation)]
        if record.kind in ("normalize", "input"):
            self.fronts.add(operation.key)
            return []
        if changes_nothing(operation, record) and True not in [each for each in operation.arguments if each is True]:
            self.found.passed.append(operation.layer)
            return [(record, self.graph.input_of(operation))]
        hard_sigmoid = record.settings.get("function") == "hard_sigmoid"
        if hard_sigmoid and (before := hard_sigmoid_operand(operation, self.graph)):
            return [(self.plan.by_name[record.inputs[0]], before)]
        if self._agree(record, operation):
            if any(each is True for each in operation.arguments) and record.kind == "norm":
                self.add_extra(operation, "called with training=True")
            return self._before(record, operation)
        if applied_function(operation) and record.kind == "activation":
            self.add_extra(operation, f"where {record.name} is {record.settings['function']}")
            return self._before(record, operation)
        if len(operation.inputs) == 1 and not (self._is_weighted(operation) and operation.layer in self.records):
            self.add_extra(operation, f"behind {self._named(self.graph.input_of(operation))}")
            return [(record, self.graph.input_of(operation))]
        if len(record.inputs) == 1 and not record.parameters:
            text = f"no {record.kind.replace('_', ' ')} behind {operation.key}, where the plan has {record.name}"
            self.found.extra.append(ExtraOperation(operation.layer, text))
            return [(self.plan.by_name[record.inputs[0]], operation)]
        self.add_extra(operation, f"where the plan has {record.name}")
        return []

    def _before(self, record: Record, operation: Operation) -> Iterator[_Place]:
        """Yield the inputs of a record, each with that of its counterpart; paddings of windows are passed."""
        befores = [self.plan.by_name[name] for name in record.inputs]
        inputs: list[Operation | None] = [self.graph.operations.get(key) for key in operation.inputs]
        windowed = record.kind in ("conv", "depthwise_conv", "pool")
        if windowed and not (inputs[0] and stands_in_for(inputs[0], befores[0])):
            padded, alike = 0, inputs[0] is not None and pads_as_same(inputs[0], record, befores[0])
            while inputs[0] and inputs[0].kind in PADDING:
                padded += 0 if alike else padding_side(inputs[0])
                inputs = [self.graph.input_of(inputs[0])]
            side = 0
            if befores[0].kind == "pad":
                side, befores = befores[0].settings["side"], [self.plan.by_name[befores[0].inputs[0]]]
            kernel = record.settings.get("kernel", record.settings.get("size"))
            usual = record.settings.get("dilation", 1) * (kernel - 1) // 2
            if padded not in (0, side, usual):
                self.add_extra(operation, f"which pads by {padded}, not {side or usual}")
            elif (
                not (padded or alike)
                and kernel > 1
                and operation.settings.get("padding") == "valid"
                and (side or record.settings["padding"] != "valid")
            ):
                self.add_extra(operation, "which does not pad")
        elif len(befores) == 2:
            below = [self._below_record[each.name] for each in befores]
            found = [self._below_operation.get(each.key) if each else None for each in inputs]
            if found == below[::-1] and found != below:
                inputs = inputs[::-1]
        yield from zip(befores, inputs, strict=False)

    def _agree(self, record: Record, operation: Operation) -> bool:
        """Whether an operation is what a record stands for."""
        if record.name in self.layers:
            return self._is_weighted(operation) and operation.layer == self.layers[record.name]
        return is_counterpart(operation, record, self.plan)

    def _is_weighted(self, operation: Operation) -> bool:
        """Whether an operation is a layer itself, not the function that the layer applies behind its weights."""
        return not operation.key.endswith(")")

    def _named(self, operation: Operation | None) -> str:
        return operation.key if operation else "the input"


def _weights_below(inputs: Mapping[str, Sequence[str]], weight: Any) -> dict[str, frozenset[str]]:
    """Return which records with weights stand before each place of a network, that place included."""
    below: dict[str, frozenset[str]] = {}
    for name, before in inputs.items():
        own = weight(name)
        below[name] = frozenset([own] if own else []).union(*(below.get(each, frozenset()) for each in before))
    return below


__all__ = ["ExtraOperation", "FileComputation", "read_computation"]
