"""The rules of shape, parameters and cost, one method a record kind. Nothing else computes any of them."""

from __future__ import annotations

from math import prod
from typing import Any

from kresnet.errors import KresnetError, Problem
from kresnet.plan.dilation import ONE_BY_ONE, WindowStep
from kresnet.plan.kinds import norm_kind
from kresnet.plan.records import Parameter, Record, Shape
from kresnet.plan.scoped_records import ScopedRecords
from kresnet.spec.architecture import Convolution
from kresnet.spec.blocks import AntiAlias
from kresnet.spec.norms import Norm


class PlanBuilder(ScopedRecords):
    """The layers of a network, named within the current `scope`; each method appends a record and returns it."""

    def __init__(self, convolution: Convolution) -> None:
        super().__init__()
        self.convolution = convolution

    def input(self, shape: Shape, settings: dict[str, Any]) -> Record:
        """Append the input, the first record."""
        return self.append("input", "input", (), shape, settings=settings)

    def normalize(self, x: Record, settings: dict[str, Any]) -> Record:
        """Append the step from bytes 0-255 to the numbers that the network computes with; it has no parameters."""
        return self.append("normalize", "normalize", (x,), x.shape, settings=settings)

    def wants_bias(self, norm_follows: bool) -> bool:
        """Return whether weights of the trunk have a bias, by the spec's rule."""
        rule = self.convolution.bias
        return rule == "always" or (rule == "where_no_norm" and not norm_follows)

    def conv(
        self,
        x: Record,
        name: str,
        width: int,
        kernel: int = 1,
        *,
        step: WindowStep = ONE_BY_ONE,
        groups: int = 1,
        dilation: int = 1,
        norm_follows: bool,
        role: str | None = None,
    ) -> Record:
        """Append a convolution: `K·K·C/groups` multiply-accumulates for each output number."""
        self._require_one_of_stride_and_dilation(step, dilation)
        x, padding = self._pad_for_window(x, name, kernel, step, dilation)
        return self._append_conv(x, name, width, kernel, step, padding, groups, dilation, norm_follows, role)

    def patch_conv(self, x: Record, name: str, width: int, step: WindowStep, *, norm_follows: bool) -> Record:
        """Append a convolution whose windows lie side by side; pixels that fill no window at the end are left out."""
        self._require_shrinkable(x, step.taken, "stem.size")
        kernel, padding = step.stride, "valid" if step.stride > 1 else "same"
        if step.dilated and kernel > 1:
            if any(side % (kernel * step.spacing) for side in x.shape[:2]):
                message = f"Windows of {kernel} do not fill the map of {x.shape[0]}x{x.shape[1]} before it is dilated."
                expected = f"maps of multiples of {kernel * step.spacing} there"
                raise KresnetError(Problem("contradiction", message, path="output_stride", expected=expected,
                                           remedy="another input.shape"))  # fmt: skip
            x = self._pad_as_strided(x, name, kernel, step, 1)
        return self._append_conv(x, name, width, kernel, step, padding, 1, 1, norm_follows, None)

    def _append_conv(
        self,
        x: Record,
        name: str,
        width: int,
        kernel: int,
        step: WindowStep,
        padding: str,
        groups: int,
        dilation: int,
        norm_follows: bool,
        role: str | None,
    ) -> Record:
        """Append a convolution of a map that is padded for it."""
        stride = step.taken
        dilation *= step.spacing if kernel > 1 else 1
        height, width_in, channels = x.shape
        window = dilation * (kernel - 1) + 1
        out = (
            _output_length(height, window, stride, padding),
            _output_length(width_in, window, stride, padding),
            width,
        )
        if self.convolution.weight_standardization and kernel * kernel * channels // groups == 1:
            message = f"{self._scope}{name} multiplies by one number a channel, which standardised is always zero."
            raise KresnetError(Problem("contradiction", message, path="convolution.weight_standardization",
                                       remedy="remove `convolution.weight_standardization`"))  # fmt: skip
        bias = self.wants_bias(norm_follows)
        parameters = [Parameter("kernel", (kernel, kernel, channels // groups, width))]
        if bias:
            parameters.append(Parameter("bias", (width,)))
        settings = {
            "kernel": kernel,
            "stride": stride,
            "groups": groups,
            "dilation": dilation,
            "padding": padding,
            "bias": bias,
            "initializer": self.convolution.initializer,
        }
        if self.convolution.weight_standardization:
            settings["standardized"] = self.convolution.weight_standardization.epsilon
        macs = out[0] * out[1] * width * kernel * kernel * (channels // groups)
        return self.append(
            name, "conv", (x,), out, settings=settings, parameters=tuple(parameters), macs=macs, role=role
        )

    def depthwise_conv(
        self,
        x: Record,
        name: str,
        kernel: int,
        *,
        step: WindowStep = ONE_BY_ONE,
        dilation: int = 1,
        norm_follows: bool,
    ) -> Record:
        """Append a convolution of each channel by itself: `K·K` multiply-accumulates for each output number."""
        self._require_one_of_stride_and_dilation(step, dilation)
        x, padding = self._pad_for_window(x, name, kernel, step, dilation)
        dilation *= step.spacing if kernel > 1 else 1
        window, channels = dilation * (kernel - 1) + 1, x.shape[-1]
        height, width = (_output_length(length, window, step.taken, padding) for length in x.shape[:2])
        bias = self.wants_bias(norm_follows)
        settings = {
            "kernel": kernel,
            "stride": step.taken,
            "dilation": dilation,
            "padding": padding,
            "bias": bias,
            "initializer": self.convolution.initializer,
        }
        kernels = Parameter("kernel", (kernel, kernel, channels, 1), pytorch_axes=(2, 3, 0, 1))  # (C, 1, h, w) there
        parameters = (kernels, *[Parameter("bias", (channels,))] * bias)
        shape, macs = (height, width, channels), height * width * channels * kernel * kernel
        return self.append(name, "depthwise_conv", (x,), shape, settings=settings, parameters=parameters, macs=macs)

    def dense(self, x: Record, name: str, units: int, *, bias: bool = True, role: str | None = None) -> Record:
        """Append a dense layer: a product with a matrix, along the last axis, at each pixel of a map."""
        channels = x.shape[-1]
        parameters = [Parameter("kernel", (channels, units))] + [Parameter("bias", (units,))] * bias
        settings = {"bias": bias, "initializer": self.convolution.initializer}
        macs = prod(x.shape) * units
        shape = (*x.shape[:-1], units)
        return self.append(
            name, "dense", (x,), shape, settings=settings, parameters=tuple(parameters), macs=macs, role=role
        )

    def channel_conv(self, x: Record, name: str, kernel: int) -> Record:
        """Append a convolution without bias over neighbouring channels, which are the steps of a map `(C, 1)`."""
        settings = {"kernel": kernel, "initializer": self.convolution.initializer}
        parameters = (Parameter("kernel", (kernel, 1, 1)),)
        macs = x.shape[0] * kernel
        return self.append(name, "channel_conv", (x,), x.shape, settings=settings, parameters=parameters, macs=macs)

    def norm(self, x: Record, name: str, norm: Norm, *, zero_gamma: bool = False) -> Record:
        """Append a norm; nothing for `none`."""
        if norm.kind == "none":
            return x
        settings = norm.document() | {"zero_gamma": zero_gamma}
        parameters = norm_kind(norm).parameters(x.shape[-1])
        return self.append(name, "norm", (x,), x.shape, settings=settings, parameters=parameters)

    def layer_scale(self, x: Record, name: str, initial: float) -> Record:
        """Append a factor a channel, which training finds (Touvron et al. 2021, arXiv:2103.17239, section 3)."""
        parameters = (Parameter("gamma", x.shape[-1:]),)
        return self.append(name, "layer_scale", (x,), x.shape, settings={"initial": initial}, parameters=parameters)

    def response_norm(self, x: Record, name: str, epsilon: float = 1e-6) -> Record:
        """Append a global response norm (Woo et al. 2023, arXiv:2301.00808, Algorithm 1)."""
        parameters = (Parameter("gamma", x.shape[-1:]), Parameter("beta", x.shape[-1:]))
        return self.append(name, "response_norm", (x,), x.shape, settings={"epsilon": epsilon}, parameters=parameters)

    def activation(self, x: Record, name: str, function: str) -> Record:
        """Append an activation function."""
        return self.append(name, "activation", (x,), x.shape, settings={"function": function})

    def pool(self, x: Record, name: str, how: str, size: int, stride: int, *, fill: str = "lowest") -> Record:
        """Append a pool: the maximum or average of each window.

        `fill` pads the map of a maximum; an average's is padded with zeros.
        """
        fill = fill if how == "max" else "zero"
        x, padding = self._pad_for_window(x, name, size, WindowStep(stride), 1, fill=fill)
        return self._append_pool(x, name, how, size, stride, padding)

    def average_by_stride(self, x: Record, name: str, step: WindowStep) -> Record:
        """Append an average of as many pixels as the stride, by `same` padding always (a shortcut's in ResNet-D)."""
        self._require_shrinkable(x, step.taken)
        if not step.dilated:
            return self._append_pool(x, name, "average", step.stride, step.stride, "same")
        settings = {"how": "average", "size": step.stride, "stride": 1, "padding": "same", "dilation": step.spacing}
        return self.append(name, "pool", (x,), x.shape, settings=settings)

    def blur(self, x: Record, name: str, step: WindowStep) -> Record:
        """Append a blur by [1, 2, 1] / 4 each way around every `stride`-th pixel; the border is mirrored."""
        height, width, channels = x.shape
        self._require_shrinkable(x, step.taken)
        if min(height, width) < 2 * step.spacing:
            message = f"The map is {height}x{width}: a blur has nothing to mirror at its border."
            path = f"stages.{self._stage - 1}.block.anti_alias" if self._stage else "stem.pool.anti_alias"
            raise KresnetError(Problem("map_too_small", message, path=path, remedy="a larger input"))
        shape = (-(-height // step.taken), -(-width // step.taken), channels)
        return self.append(name, "blur", (x,), shape, settings={"stride": step.taken, "dilation": step.spacing})

    def anti_alias(self, x: Record, how: AntiAlias, step: WindowStep) -> Record:
        """Append what shrinks a map by the stride of a layer that keeps its size; nothing for a stride of 1."""
        if step.stride == 1:
            return x
        return (self.average_by_stride if how == "average" else self.blur)(x, "anti_alias", step)

    def _append_pool(self, x: Record, name: str, how: str, size: int, stride: int, padding: str) -> Record:
        height, width, channels = x.shape
        shape = (_output_length(height, size, stride, padding), _output_length(width, size, stride, padding), channels)
        settings = {"how": how, "size": size, "stride": stride, "padding": padding}
        return self.append(name, "pool", (x,), shape, settings=settings)

    def global_pool(self, x: Record, name: str, how: str, *, keep_map: bool = False) -> Record:
        """Append a pool over the whole map: `(H, W, C)` becomes `(C,)`, or `(1, 1, C)` with `keep_map`."""
        channels = x.shape[-1]
        shape = (1, 1, channels) if keep_map else (channels,)
        return self.append(name, "global_pool", (x,), shape, settings={"how": how, "keep_map": keep_map})

    def reshape(self, x: Record, name: str, shape: Shape) -> Record:
        """Append a layer that arranges the same numbers otherwise."""
        return self.append(name, "reshape", (x,), shape)

    def flatten(self, x: Record, name: str) -> Record:
        """Append a layer that turns a map into a vector."""
        return self.append(name, "flatten", (x,), (prod(x.shape),))

    def identity_pad(self, x: Record, name: str, width: int, stride: int) -> Record:
        """Append option A of He et al. 2015, section 4.1: every `stride`-th pixel, zeros for the new channels."""
        self._require_shrinkable(x, stride)
        shape = (-(-x.shape[0] // stride), -(-x.shape[1] // stride), width) if len(x.shape) == 3 else (width,)
        settings = {"width": width, "stride": stride}
        return self.append(name, "identity_pad", (x,), shape, settings=settings, role="shortcut")

    def add(self, branch: Record, shortcut: Record, name: str) -> Record:
        """Append the sum of a residual branch and its shortcut."""
        return self.append(name, "add", (branch, shortcut), branch.shape)

    def multiply(self, x: Record, gate: Record, name: str) -> Record:
        """Append the product of each channel of `x` with `gate` of shape `(1, 1, C)`."""
        return self.append(name, "multiply", (x, gate), x.shape)

    def dropout(self, x: Record, name: str, rate: float) -> Record:
        """Append dropout; nothing for rate 0."""
        return self.append(name, "dropout", (x,), x.shape, settings={"rate": rate}) if rate else x

    def stochastic_depth(self, x: Record, name: str, rate: float) -> Record:
        """Append a layer that drops the whole branch for some of the images (Huang et al. 2016)."""
        return self.append(name, "stochastic_depth", (x,), x.shape, settings={"rate": rate}) if rate else x

    def _pad_for_window(
        self, x: Record, name: str, kernel: int, step: WindowStep, dilation: int, fill: str = "zero"
    ) -> tuple[Record, str]:
        """`x` ready for a window, and the padding that the window itself then uses.

        With stride 1 an odd kernel is padded alike by both rules, so only strided windows need a record of their own,
        and those that stride in the strided network, which `same` pads by its stride and not by its size alone.
        """
        self._require_shrinkable(x, step.taken)
        if kernel == 1:
            return x, "same"
        if self.convolution.padding == "same":
            return (x, "same") if not step.dilated else (self._pad_as_strided(x, name, kernel, step, dilation), "valid")
        if step.taken == 1:
            return x, "same"
        side = dilation * (kernel - 1) // 2
        if kernel % 2 == 0:  # windows side by side; no other even one is padded symmetrically
            return x, "valid"
        shape = (x.shape[0] + 2 * side, x.shape[1] + 2 * side, x.shape[2])
        return self.append(f"{name}_pad", "pad", (x,), shape, settings={"side": side, "fill": fill}), "valid"

    def _pad_as_strided(self, x: Record, name: str, kernel: int, step: WindowStep, dilation: int) -> Record:
        """Append the zeros that `same` puts around the strided network's map, for a window that keeps its size."""
        window = dilation * (kernel - 1) + 1
        added = step.spacing * (window - 1)
        shape = (x.shape[0] + added, x.shape[1] + added, x.shape[2])
        settings = {"window": window, "stride": step.stride, "spacing": step.spacing}
        return self.append(f"{name}_pad", "strided_pad", (x,), shape, settings=settings)

    def _require_one_of_stride_and_dilation(self, step: WindowStep, dilation: int) -> None:
        if step.taken > 1 and dilation > 1:
            message = f"TensorFlow's convolution cannot stride by {step.taken} and dilate by {dilation} at once."
            path = f"stages.{(self._stage or 1) - 1}.dilation"
            raise KresnetError(Problem("contradiction", message, path=path, remedy="stride: 1"))

    def _require_shrinkable(self, x: Record, stride: int, of_stem: str = "stem.stride") -> None:
        if len(x.shape) == 3 and stride > min(x.shape[:2]):
            path = f"stages.{self._stage - 1}.stride" if self._stage else of_stem
            message = f"The map is {x.shape[0]}x{x.shape[1]} before a stride of {stride}: it would shrink below 1x1."
            problem = Problem("map_too_small", message, path=path, remedy="a larger input, or a smaller stride")
            raise KresnetError(problem)


def _output_length(length: int, window: int, stride: int, padding: str) -> int:
    """How many windows fit: TensorFlow's rule for `same` and `valid`."""
    return -(-length // stride) if padding == "same" else (length - window) // stride + 1
