"""The recipe itself: everything that a run of `kresnet fit` is told, beside the network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from kresnet.spec.base import Count, Document, Flag, Fraction, Name, Positive, Seed, Text, contradiction_error
from kresnet.spec.recipe.augment import Augment
from kresnet.spec.recipe.averaging import Ema
from kresnet.spec.recipe.balance import ClassWeights, Sampling, sampling_problem
from kresnet.spec.recipe.checkpoints import Checkpoints
from kresnet.spec.recipe.data import Data
from kresnet.spec.recipe.distill import Distill, FeatureTargets
from kresnet.spec.recipe.durations import require_one_unit
from kresnet.spec.recipe.losses import Loss
from kresnet.spec.recipe.metrics import Metric
from kresnet.spec.recipe.non_finite import NonFinite, Stop
from kresnet.spec.recipe.optimizers import Optimizer
from kresnet.spec.recipe.quantize import Quantize
from kresnet.spec.recipe.schedules import Constant, Schedule
from kresnet.spec.recipe.stopping import EarlyStopping
from kresnet.spec.recipe.trackers import TensorBoardTracker, Tracker


def _kind_of_batch_size(value: object) -> str:
    return "auto" if isinstance(value, str) else "number"


BatchSize = Annotated[
    Annotated[int, Field(strict=True, ge=1, le=1_048_576), Tag("number")] | Annotated[Literal["auto"], Tag("auto")],
    Discriminator(_kind_of_batch_size),
]


class Recipe(Document):
    """How a network is trained."""

    name: Name
    """Name of the recipe."""
    source: Text | None = None
    """Where it comes from."""
    data: Data
    """What it trains on."""
    init: Text | None = None
    """Weights to start from: a name (`timm/resnet50.a1_in1k`, `keras/ResNet50V2`, `hf:OWNER/REPO`, an `https://`
    address), a run, or a `.keras` file. `--init` takes their place. Random weights where neither is stated."""
    augment: Augment = Field(default_factory=Augment)
    """Random changes of training images."""
    epochs: Annotated[int, Field(strict=True, ge=1, le=100_000)] | None = None
    """Passes over the training images; or state `steps` or `examples`, one of the three."""
    steps: Count | None = None
    """Length of the run in steps."""
    examples: Annotated[int, Field(strict=True, ge=1, le=10**15)] | None = None
    """Length of the run in training images."""
    batch_size: BatchSize
    """Images a step, over all devices together. `auto`: as many as fit into memory, by the plan's estimate and one step
    that is tried, but no more than a sixteenth of the training images; the run's recipe names the number."""
    optimizer: Optimizer
    """How gradients change weights."""
    layer_decay: Annotated[float, Field(strict=True, gt=0, le=1)] = 1.0
    """Learning rate of a block over that of the block behind it: the head has the whole rate, the stem the least. For
    networks that begin with good weights (timm's `--layer-decay`; Clark et al. 2020, arXiv:2003.10555)."""
    schedule: Schedule = Field(default_factory=lambda: Constant(kind="constant"))
    """Learning rate over time."""
    gradient_clip_norm: Positive | None = None
    """Scale the gradients down, all together, to this global norm."""
    gradient_clip_adaptive: Positive | None = None
    """Scale each unit's gradient down to this share of its weights' norm (Brock et al. 2021, arXiv:2102.06171)."""
    loss: Loss | None = None
    """What to make small; when absent, what the head suggests: softmax, sigmoid, or squared error without a head."""
    class_weights: ClassWeights | None = None
    """What each class counts in the loss: `balanced`, inversely to its number of training images (scikit-learn's); or
    `effective_number`, inversely to (1 - 0.999^n) / (1 - 0.999), of n images (Cui et al. 2019, arXiv:1901.05555); or
    weights by the names of classes, 1 for those not named. The loss of a batch is the sum of weight times loss over the
    number of its images, as in Keras. A label's weight is what its presence counts against its absence."""
    sampling: Sampling | None = None
    """Draw the images of a batch with replacement: `balanced`, every class as often as any other; or shares of the
    draws by the names of classes, the others sharing the rest in their proportions. An epoch has as many steps as
    without."""
    label_smoothing: Fraction = 0.0
    """Share of the target spread over all classes (Szegedy et al. 2015, arXiv:1512.00567, section 7)."""
    distill: Distill | None = None
    """Learn from a trained network as well, which sees the same augmented pixels (knowledge distillation)."""
    ema: Ema | None = None
    """Evaluate and export a running average of the weights."""
    quantize: Quantize | None = None
    """Train for integers: round weights and activations as a file of them will."""
    early_stopping: EarlyStopping | None = None
    """End the run early."""
    metrics: Annotated[tuple[Metric, ...], Field(max_length=50)] = ()
    """What to show after every epoch beside loss and accuracy: `macro_f1`, say, or what needs all outputs at once and
    is else measured at the end and by `evaluate` alone, as `auroc_macro`, `average_precision_macro`, `r2`. Others are
    measured only where they are named, by name or with settings: `[quadratic_kappa, {kind: top_k_accuracy, k: 3}]`."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    """Type of activations and products; weights are always float32. `auto`: bfloat16 where the hardware has units for
    it, else float32. Under `float16` the loss is scaled (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2)."""
    float32_products: Literal["auto", "exact", "fast"] = "auto"
    """How float32 numbers are multiplied. `fast`: rounded to 11 bits first (TF32) on a GPU since NVIDIA's Ampere, to 8
    (bfloat16) on a CPU with AMX, and added up in float32; elsewhere it is `exact`. `auto`: as TensorFlow does,
    which is `fast` on a GPU and `exact` on a CPU."""
    kernels: Literal["auto", "stock"] = "stock"
    """How convolutions are computed in training on a CPU. `auto`: of each shape TensorFlow's own kernel, matrix
    products, or a convolution of transposed arrays, for each pass whichever is faster there, by some milliseconds of
    measuring before the first step. A cache and the run keep what was chosen. The last bits depend on it."""
    accumulate_steps: Annotated[int, Field(strict=True, ge=1, le=65_536)] = 1
    """Work through each device's share of `batch_size` in this many equal parts, one after the other, in the memory of
    one; gradients are added up, and the weights change once. Batch norms see one part at a time."""
    rematerialize: tuple[Annotated[int, Field(strict=True, ge=1, le=1000)], ...] = Field(default=(), max_length=1000)
    """Stages, counted from 1, whose blocks are computed again in the backward pass, rather than kept for it: less
    memory for more time (Chen et al. 2016, arXiv:1604.06174, section 4)."""
    distribution: Literal["auto", "one_device", "mirrored", "multi_worker", "tpu"] = "auto"
    """Devices to train on. `auto`: the workers that TF_CONFIG or SLURM names, else all GPUs of this machine."""
    xla: Literal["auto", "on", "off"] = "auto"
    """Compile the forward and the backward pass by XLA. `auto`: on a GPU, where nothing stands against it, as norms
    synchronised among replicas and `rematerialize` do; on a CPU it costs speed and a long first step."""
    deterministic: Flag = False
    """Ask TensorFlow for kernels that give the same bits each time."""
    seed: Seed = 0
    """Seed of initial weights, order of images, augmentation and dropout."""
    checkpoints: Checkpoints = Field(default_factory=Checkpoints)
    """When state is saved."""
    non_finite: NonFinite = Field(default_factory=lambda: Stop(kind="stop"))
    """What to do about a step whose loss or gradients are not finite."""
    bn_check_every_steps: Count | None = None
    """Check batch norms' gradients in the first step and every this many; one that is wrong ends the run."""
    gradients_every_steps: Count | None = None
    """Record each block's gradient in the first step and every this many."""
    trackers: Annotated[tuple[Tracker, ...], Field(max_length=20)] = (TensorBoardTracker(kind="tensorboard"),)
    """Where the run can be watched, by name or with settings: `[tensorboard, mlflow]`. None of them can stop it."""

    @property
    def images_per_step(self) -> int:
        """`batch_size` of a recipe in which it is a number, as it is in every run that has begun."""
        assert self.batch_size != "auto"
        return self.batch_size

    @model_validator(mode="after")
    def _one_length(self) -> Recipe:
        require_one_unit(self)
        if self.quantize:
            self._require_plain_step()
        if self.float32_products != "auto" and self.precision in ("bfloat16", "float16"):
            message = f"Under `precision: {self.precision}` no float32 numbers are multiplied"
            raise contradiction_error("float32_products", message, remedy="float32_products: auto")
        if self.kernels == "auto":
            self._require_kernels_of_its_own()
        if self.gradient_clip_norm and self.gradient_clip_adaptive:
            message = "Gradients are clipped by `gradient_clip_norm` or by `gradient_clip_adaptive`, not by both"
            raise contradiction_error("gradient_clip_adaptive", message, remedy="gradient_clip_norm: null")
        kinds = [tracker.kind for tracker in self.trackers]
        if twice := next((kind for kind in kinds if kinds.count(kind) > 1), None):
            raise contradiction_error("trackers", f"`trackers` names {twice} twice", remedy="each once")
        names = [metric.name for metric in self.metrics]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise contradiction_error("metrics", f"`metrics` names {twice} twice", remedy="each once")
        if isinstance(self.distill, FeatureTargets) and self.rematerialize:
            message = "A map that is compared with the teacher's is kept, and `rematerialize` would compute it again"
            raise contradiction_error("rematerialize", message, remedy="rematerialize: []")
        if problem := sampling_problem(self.sampling):
            raise contradiction_error("sampling", problem, remedy="smaller shares")
        if self.sampling is not None and getattr(self.data, "order", "random") == "windowed":
            message = "`sampling` draws images from anywhere, and `order: windowed` reads shards one after the other"
            raise contradiction_error("sampling", message, remedy="data.order: random")
        return self

    def _require_kernels_of_its_own(self) -> None:
        """Refuse, beside `kernels: auto`, what has kernels of its own, or wants the same ones each time."""
        against = {
            "deterministic": (self.deterministic, "asks for the same bits each time, and `kernels: auto` goes by time"),
            "xla": (self.xla == "on", "compiles convolutions in its own way, and `kernels: auto` would have no effect"),
            "quantize": (bool(self.quantize), "rounds within stock kernels, and `kernels: auto` would have no effect"),
        }
        for name, (stated, reason) in against.items():
            if stated:
                raise contradiction_error("kernels", f"`{name}` {reason}", remedy="kernels: stock")

    def _require_plain_step(self) -> None:
        """Refuse, beside `quantize`, what has another network run, or runs it in another way."""
        asked = {
            "precision": self.precision != "float32",
            "rematerialize": bool(self.rematerialize),
            "xla": self.xla == "on",
            "bn_check_every_steps": self.bn_check_every_steps is not None,
            "gradients_every_steps": self.gradients_every_steps is not None,
            "distill": isinstance(self.distill, FeatureTargets),
        }
        for name in (name for name, stated in asked.items() if stated):
            message = f"`quantize` rounds what a plain step in float32 computes, and `{name}` has another"
            raise contradiction_error(name, message, remedy=f"remove `{name}`, or `quantize`")
