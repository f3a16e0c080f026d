"""Stock Keras: its layers, its optimizer, its own train function, by default settings or by the best ones found."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from benchmarks.jobs import NETWORKS, Job
from benchmarks.peers import LEARNING_RATE, MOMENTUM, PIXEL_MEAN, PIXEL_STD
from benchmarks.peers.on_tensorflow import TensorFlowPeer, compiled, image_batches, training_data, use_threads

#: Change it to measure others: more were found to buy little on a CPU, and cost seconds of tracing.
STEPS_PER_EXECUTION = 1


class Contender(TensorFlowPeer):
    """See `benchmarks.worker.Peer`."""

    def __init__(self, job: Job) -> None:
        use_threads(job.threads)
        self.job, self.tuned = job, job.contender == "keras_tuned"
        keras.mixed_precision.set_dtype_policy("mixed_bfloat16" if job.precision == "bfloat16" else "float32")
        self.network = build(job.network)
        self.parameters = sum(weight.shape.num_elements() for weight in self.network.trainable_variables)

    def _start_training(self) -> None:
        optimizer = keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        data = training_data(self.job)
        if self.tuned:
            optimizer.build(self.network.trainable_variables)
            self.network.compile(
                optimizer,
                loss,
                metrics=[keras.metrics.SparseCategoricalAccuracy()],
                jit_compile=False,
                steps_per_execution=STEPS_PER_EXECUTION,
            )
        else:
            self.network.compile(optimizer, loss, metrics=["accuracy"])
        batches = iter(data)
        each = STEPS_PER_EXECUTION if self.tuned else 1

        def first(_: int) -> None:
            self.network.fit(data, steps_per_epoch=each, verbose=0)
            self._run = run

        def run(steps: int) -> None:
            """The steps of `fit` without what it does around them: callbacks, and an iterator an epoch."""
            for _ in range(-(-steps // each)):
                logs = self.network.train_function(batches)
            float(logs["loss"])

        self._run = first

    def _start_inference(self) -> None:
        batches = image_batches(self.job)
        infer = compiled(self.network) if self.tuned else self.network.predict_on_batch

        def run(steps: int) -> None:
            for _ in range(steps):
                logits = infer(next(batches))
            if self.tuned:
                logits.numpy()

        self._run = run


def build(network: str) -> keras.Model:
    """The network of that name as a functional model of stock layers, in the global dtype policy."""
    shape, classes = NETWORKS[network].shape, NETWORKS[network].classes
    inputs = keras.Input(shape)
    scale = [1 / (255 * deviation) for deviation in PIXEL_STD]
    offset = [-mean / deviation for mean, deviation in zip(PIXEL_MEAN, PIXEL_STD, strict=True)]
    x = layers.Rescaling(scale, offset)(inputs)
    x = _BODIES[network](x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, dtype="float32")(x), name=network)


def _imagenet(x: keras.KerasTensor, blocks: Sequence[int], *, bottleneck: bool) -> keras.KerasTensor:
    """The networks of He et al. 2015, Table 1, with projections; a bottleneck strides on its 3x3."""
    x = layers.ReLU()(_conv_norm(x, 64, 7, 2))  # (N, 112, 112, 64)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stage, count in enumerate(blocks):
        width = 64 * 2**stage
        for block in range(count):
            stride = 2 if stage and not block else 1
            out = 4 * width if bottleneck else width
            projected = stride > 1 or x.shape[-1] != out
            y = _bottleneck(x, width, stride) if bottleneck else _basic(x, width, stride)
            x = layers.ReLU()(layers.Add()([y, _conv_norm(x, out, 1, stride) if projected else x]))
    return x


def _cifar(x: keras.KerasTensor, blocks: int) -> keras.KerasTensor:
    """The networks of He et al. 2015, section 4.2, with shortcuts of option A."""
    x = layers.ReLU()(_conv_norm(x, 16, 3, 1))
    for stage in range(3):
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            y = _basic(x, 16 * 2**stage, stride)
            x = layers.ReLU()(layers.Add()([y, _subsampled(x) if stride > 1 else x]))
    return x


def _subsampled(x: keras.KerasTensor) -> keras.KerasTensor:
    """Every other pixel, and as many new channels of zeros as there are channels."""
    half = x.shape[-1] // 2
    return keras.ops.pad(x[:, ::2, ::2, :], [(0, 0)] * 3 + [(half, half)])


def _basic(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    return _conv_norm(layers.ReLU()(_conv_norm(x, width, 3, stride)), width, 3, 1)


def _bottleneck(x: keras.KerasTensor, width: int, stride: int) -> keras.KerasTensor:
    x = layers.ReLU()(_conv_norm(x, width, 1, 1))
    x = layers.ReLU()(_conv_norm(x, width, 3, stride))
    return _conv_norm(x, 4 * width, 1, 1)


def _conv_norm(x: keras.KerasTensor, width: int, kernel: int, stride: int) -> keras.KerasTensor:
    x = layers.Conv2D(width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)


_BODIES = {
    "cifar_resnet20": lambda x: _cifar(x, 3),
    "resnet18": lambda x: _imagenet(x, (2, 2, 2, 2), bottleneck=False),
    "resnet50": lambda x: _imagenet(x, (3, 4, 6, 3), bottleneck=True),
}
