"""JAX: Flax NNX's layers, the whole step compiled by XLA, channels last."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import flax
import jax
import jax.numpy as jnp
import optax
from flax import nnx

from benchmarks.jobs import Job
from benchmarks.peers import LEARNING_RATE, MOMENTUM, PIXEL_MEAN, PIXEL_STD, ring


class ConvNorm(nnx.Module):
    """A convolution without bias and its batch norm."""

    def __init__(self, inside: int, width: int, kernel: int, stride: int, dtype: Any, rngs: nnx.Rngs) -> None:
        half = kernel // 2
        self.conv = nnx.Conv(
            inside, width, (kernel, kernel), (stride, stride), padding=((half, half), (half, half)), use_bias=False,
            kernel_init=nnx.initializers.he_normal(), dtype=dtype, rngs=rngs,
        )  # fmt: skip
        self.norm = nnx.BatchNorm(width, momentum=0.9, epsilon=1e-5, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.norm(self.conv(x))


class Block(nnx.Module):
    """`relu(residual(x) + shortcut(x))`; a shortcut of option A where `projects` is False."""

    def __init__(self, residual: Sequence[ConvNorm], shortcut: ConvNorm | None, stride: int) -> None:
        self.residual, self.shortcut, self.stride = nnx.List(residual), shortcut, stride

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x
        for number, layer in enumerate(self.residual):
            y = layer(y)
            y = nnx.relu(y) if number < len(self.residual) - 1 else y
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.stride > 1:
            half = x.shape[-1] // 2
            x = jnp.pad(x[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (half, half)))
        return nnx.relu(x + y)


class ResNet(nnx.Module):
    """Stem, blocks, mean over the map, logits: the networks of `benchmarks.peers.torch_networks`."""

    def __init__(self, network: str, dtype: Any) -> None:
        rngs = nnx.Rngs(0)
        make = lambda *shape: ConvNorm(*shape, dtype, rngs)  # noqa: E731 - a name for a phrase
        self.imagenet, self.dtype = network != "cifar_resnet20", dtype
        counts = {"cifar_resnet20": (3, 3, 3), "resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}[network]
        first = 64 if self.imagenet else 16
        self.stem, blocks, inside = make(3, first, *((7, 2) if self.imagenet else (3, 1))), [], first
        for stage, count in enumerate(counts):
            width = first * 2**stage
            out = 4 * width if network == "resnet50" else width
            for number in range(count):
                stride = 2 if stage and not number else 1
                residual = (
                    [make(inside, width, 1, 1), make(width, width, 3, stride), make(width, out, 1, 1)]
                    if network == "resnet50"
                    else [make(inside, width, 3, stride), make(width, width, 3, 1)]
                )
                projects = self.imagenet and (stride > 1 or inside != out)
                blocks.append(Block(residual, make(inside, out, 1, stride) if projects else None, stride))
                inside = out
        self.blocks = nnx.List(blocks)
        self.head = nnx.Linear(inside, 1000 if self.imagenet else 10, dtype=dtype, rngs=rngs)

    def __call__(self, pixels: jax.Array) -> jax.Array:
        mean, std = (255 * jnp.asarray(each, jnp.float32) for each in (PIXEL_MEAN, PIXEL_STD))
        x = nnx.relu(self.stem(((pixels.astype(jnp.float32) - mean) / std).astype(self.dtype)))
        if self.imagenet:
            x = nnx.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((1, 2))).astype(jnp.float32)


class Contender:
    """See `benchmarks.worker.Peer`."""

    def __init__(self, job: Job) -> None:
        self.job, self.on_gpu = job, jax.default_backend() == "gpu"
        self.network = ResNet(job.network, jnp.bfloat16 if job.precision == "bfloat16" else jnp.float32)
        weights = nnx.state(self.network, nnx.Param)
        self.parameters = sum(int(weight.size) for weight in jax.tree.leaves(weights))

    def versions(self) -> dict[str, str]:
        return {"jax": jax.__version__, "flax": flax.__version__}

    def start(self) -> None:
        images, labels = ring(self.job)
        self._batches = itertools.cycle(list(zip(images, labels, strict=True)))
        if self.job.mode == "inference":
            self.network.eval()
            infer = nnx.jit(lambda network, images: network(images))
            self._step = lambda images, labels: infer(self.network, images)
        else:
            self.network.train()
            sgd = nnx.Optimizer(self.network, optax.sgd(LEARNING_RATE, MOMENTUM), wrt=nnx.Param)

            def loss(network: ResNet, images: Any, labels: Any) -> jax.Array:
                return optax.softmax_cross_entropy_with_integer_labels(network(images), labels).mean()

            @nnx.jit
            def step(network: ResNet, sgd: nnx.Optimizer, images: Any, labels: Any) -> jax.Array:
                value, gradients = nnx.value_and_grad(loss)(network, images, labels)
                sgd.update(network, gradients)
                return value

            self._step = lambda images, labels: step(self.network, sgd, images, labels)

    def run(self, steps: int) -> None:
        for _ in range(steps):
            last = self._step(*next(self._batches))
        last.block_until_ready()

    def settle(self) -> None:
        self.run(2)

    def device_peak(self) -> int | None:
        return jax.devices()[0].memory_stats()["peak_bytes_in_use"] if self.on_gpu else None

    def release(self) -> None:
        """JAX keeps what it has taken."""

    def product(self, side: int, count: int) -> Callable[[], None]:
        kind = jnp.bfloat16 if self.job.precision == "bfloat16" else jnp.float32
        left, right = (jax.random.normal(jax.random.key(n), (side, side), kind) for n in (1, 2))
        multiply = jax.jit(jnp.matmul)

        def run() -> None:
            for _ in range(count):
                last = multiply(left, right)
            last.block_until_ready()

        return run
