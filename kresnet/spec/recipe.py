"""The recipe: how a network is trained. Durations carry their unit; the batch size is the global one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from kresnet.spec.base import Count, Document, Flag, Fraction, Name, NonNegative, Positive, Seed, Text


class EmbeddedData(Document):
    """The images that ship with the package: a class-balanced part of Fashion-MNIST."""

    kind: Literal["embedded"]


class TfdsData(Document):
    """A data set prepared by TensorFlow Datasets, with features `image` and `label`."""

    kind: Literal["tfds"]
    name: StrictStr = Field(min_length=1, max_length=200)
    """Data set, with its configuration and version if wanted: `fashion_mnist`, `cifar10:3.0.2`."""
    data_dir: StrictStr | None = None
    """Folder of prepared data sets; TensorFlow Datasets' own default when absent. Nothing is downloaded."""
    train_split: StrictStr = "train"
    """Split to train on, in TensorFlow Datasets' slicing language."""
    test_split: StrictStr = "test"
    """Split to evaluate on."""


class FolderData(Document):
    """Image files in one folder a class: `PATH/train/CLASS/*.png` and `PATH/test/CLASS/*.png`."""

    kind: Literal["folder"]
    path: StrictStr
    """The folder that holds the two splits."""
    train_split: Name = "train"
    """Folder of the split to train on."""
    test_split: Name = "test"
    """Folder of the split to evaluate on."""


Data = Annotated[EmbeddedData | TfdsData | FolderData, Field(discriminator="kind")]


class Augment(Document):
    """Random changes of training images; evaluation images are never changed."""

    crop_padding: Annotated[int, Field(strict=True, ge=0, le=64)] = 0
    """Pad by this many black pixels a side, then cut at random (He et al. 2015, section 4.2, uses 4)."""
    flip: Flag = False
    """Mirror half of the images left to right."""


class Sgd(Document):
    """Stochastic gradient descent with momentum."""

    kind: Literal["sgd"]
    learning_rate: Positive = 0.1
    """Peak learning rate, for the global batch."""
    momentum: Fraction = 0.9
    """Momentum."""
    nesterov: Flag = False
    """Nesterov's form of it."""
    weight_decay: NonNegative = 1e-4
    """Added to the gradient times the weight (an L2 penalty); kernels only, never norm or bias."""


class AdamW(Document):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101)."""

    kind: Literal["adamw"]
    learning_rate: Positive = 1e-3
    """Peak learning rate, for the global batch."""
    beta_1: Fraction = 0.9
    """Decay of the first moment."""
    beta_2: Fraction = 0.999
    """Decay of the second moment."""
    epsilon: Positive = 1e-8
    """Added to the root of the second moment."""
    weight_decay: NonNegative = 0.05
    """Decoupled, scaled by the learning rate; kernels only, never norm or bias."""


Optimizer = Annotated[Sgd | AdamW, Field(discriminator="kind")]


class Cosine(Document):
    """Half a cosine from the peak to `final_fraction` of it (Loshchilov and Hutter 2017, arXiv:1608.03983)."""

    kind: Literal["cosine"]
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""
    final_fraction: Fraction = 0.0
    """Last learning rate over the peak."""


class Step(Document):
    """Multiply by `factor` at each of `at_epochs`."""

    kind: Literal["step"]
    at_epochs: tuple[Positive, ...] = Field(min_length=1, max_length=100)
    """Epochs after which the learning rate falls; rising."""
    factor: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.1
    """By how much."""
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""


class Constant(Document):
    """The peak learning rate throughout."""

    kind: Literal["constant"]
    warmup_epochs: NonNegative = 0.0
    """Epochs of linear rise from zero."""


Schedule = Annotated[Cosine | Step | Constant, Field(discriminator="kind")]


class Checkpoints(Document):
    """When the state of a run is saved; the end of every epoch always is."""

    save_every_steps: Count | None = None
    """Also in the middle of an epoch, after this many steps."""
    keep_last: Annotated[int, Field(strict=True, ge=1, le=1000)] = 2
    """How many checkpoints stay on disk."""


class Recipe(Document):
    """How a network is trained."""

    name: Name
    """Name of the recipe."""
    source: Text | None = None
    """Where it comes from."""
    data: Data
    """What it trains on."""
    augment: Augment = Field(default_factory=Augment)
    """Random changes of training images."""
    epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)]
    """Passes over the training images."""
    batch_size: Annotated[int, Field(strict=True, ge=1, le=1_048_576)]
    """Images a step, over all devices together."""
    optimizer: Optimizer
    """How gradients change weights."""
    schedule: Schedule = Field(default_factory=lambda: Constant(kind="constant"))
    """Learning rate over time."""
    gradient_clip_norm: Positive | None = None
    """Scale the gradients down to this global norm."""
    label_smoothing: Fraction = 0.0
    """Share of the target spread over all classes (Szegedy et al. 2015, arXiv:1512.00567, section 7)."""
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    """Type of activations and products; weights are always float32. `auto`: bfloat16 where the hardware has it."""
    distribution: Literal["auto", "one_device", "mirrored"] = "auto"
    """Devices to train on; `auto` takes all GPUs of this machine."""
    deterministic: Flag = False
    """Ask TensorFlow for kernels that give the same bits each time."""
    seed: Seed = 0
    """Seed of initial weights, order of images, augmentation and dropout."""
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    """When state is saved."""
    bn_check_every_steps: Count | None = None
    """Check batch norms' gradients in the first step and every this many; one that is wrong ends the run."""
    gradients_every_steps: Count | None = None
    """Record each block's gradient in the first step and every this many."""
