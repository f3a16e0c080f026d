"""What is measured: networks, batch sizes, contenders, and the goals that the results are held against.

Standard library only: the PyTorch worker imports it in an environment that has neither TensorFlow nor kresnet.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

PRECISIONS = ("float32", "bfloat16")
MODES = ("training", "inference", "first_step")

#: Every contender, and the sentence that says what it is.
CONTENDERS = {
    "kresnet": "kresnet's engine; for inference its network with batch norms folded",
    "keras": "stock Keras layers and optimizer, `compile` and `fit` as they come; for inference `predict_on_batch`",
    "keras_tuned": "the same network; optimizer built first, metric as an object, no XLA, its best steps an execution; "
    "for inference one `tf.function`",
    "kresnet_xla": "the same with its passes compiled by XLA, as on a GPU by default; in training only",
    "kresnet_kernels": "the same with `kernels: auto`, choosing included in its first step; in training only",
    "torch": "PyTorch eager, channels last, autocast for bfloat16",
    "torch_compile": "the same through `torch.compile`; for inference with its weights frozen",
    "jax": "Flax NNX, the step compiled by XLA",
    "onnxruntime": "ONNX Runtime on kresnet's folded network; inference in float32 only",
    "openvino": "OpenVINO on the same file; inference only",
}

#: Those that have no training, and of them the one that has no bfloat16 on a CPU.
RUNTIMES, FLOAT32_ONLY = ("onnxruntime", "openvino"), "onnxruntime"


#: Images a step where the time to the first step is measured.
FIRST_STEP_BATCH = 4


@dataclass(frozen=True, slots=True)
class Network:
    """A network that every contender builds.

    `(H, W, C)` of its input, classes, images a step in training and in inference, multiply-accumulates.
    """

    shape: tuple[int, int, int]
    classes: int
    batch: int
    inference_batch: int
    macs: int

    def images(self, mode: str) -> int:
        """Images a step."""
        return {"training": self.batch, "inference": self.inference_batch, "first_step": FIRST_STEP_BATCH}[mode]

    def flop(self, mode: str) -> int:
        """Floating-point operations an image: 2 a multiply-accumulate; training makes three passes of them."""
        return 2 * self.macs * (1 if mode == "inference" else 3)


NETWORKS = {
    "cifar_resnet20": Network((32, 32, 3), 10, 128, 128, 40_551_040),
    "resnet18": Network((224, 224, 3), 1000, 16, 32, 1_814_073_344),
    "resnet50": Network((224, 224, 3), 1000, 16, 32, 4_089_184_256),
}

#: (network, precision, mode) -> contender -> how many times its speed kresnet is to reach.
GOALS: dict[tuple[str, str, str], dict[str, float]] = {
    ("resnet18", "float32", "training"): {"torch_compile": 1.1},
    ("resnet18", "bfloat16", "training"): {"torch_compile": 1.1},
    ("resnet50", "float32", "training"): {"keras_tuned": 1.6, "torch": 1.25, "torch_compile": 1.1},
    ("resnet50", "bfloat16", "training"): {"keras_tuned": 1.9, "torch": 1.0, "torch_compile": 1.1},
    ("cifar_resnet20", "float32", "training"): {"torch": 1.3, "torch_compile": 1.1},
    ("cifar_resnet20", "bfloat16", "training"): {"torch": 1.3, "torch_compile": 1.1},
    **{
        (network, precision, "inference"): {"keras_tuned": 1.2, "onnxruntime": 1.0, "openvino": 1.0}
        for network in NETWORKS
        for precision in PRECISIONS
    },
}

#: On a GPU, in training: (network, precision) -> contender -> how many times its speed kresnet with XLA is to reach.
GPU_GOALS: dict[tuple[str, str], dict[str, float]] = {
    ("resnet50", "bfloat16"): {"torch_compile": 1.0},
    **{("cifar_resnet20", precision): {"torch": 1.2, "torch_compile": 1.2} for precision in PRECISIONS},
}

#: Share of the measured product rate that ResNet-50 is to reach on a GPU in bfloat16.
GPU_SHARE_GOAL = 0.45

#: CPU seconds that the first step of ResNet-50 may take after import and build.
FIRST_STEP_GOAL = 6.0


@dataclass(frozen=True, slots=True)
class Job:
    """What one worker process does."""

    contender: str
    network: str
    precision: str
    mode: str
    batch: int
    threads: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
