"""What a file for another runtime can hold, and which settings go together; importing this is cheap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from kresnet.errors import make_error, nearest

if TYPE_CHECKING:
    from kresnet.export.export_options import Fold

FileFormat = Literal["tflite", "onnx", "openvino"]
FileWeights = Literal["float32", "float16", "int8", "int8_float_io", "int16x8", "dynamic"]

#: What the weights of a file may be stored as, by format.
WEIGHTS: dict[str, tuple[FileWeights, ...]] = {
    "tflite": get_args(FileWeights),
    "onnx": ("float32", "int8"),
    "openvino": ("float32", "float16", "int8"),
}

#: Those whose kernels are 8-bit integers, and of them those whose activations are integers too, which have to be
#: calibrated; `dynamic` rounds activations when it runs.
QUANTIZED = ("int8", "int8_float_io", "int16x8", "dynamic")
CALIBRATED = ("int8", "int8_float_io", "int16x8")

#: Images to calibrate on, by default.
CALIBRATION_IMAGES = 512

#: Largest loss in accuracy, as a share of all images, of a quantised file that nothing else is said of.
LOSE_AT_MOST = 0.01


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How a file is written.

    Attributes:
        kind: format of the file.
        weights: type that weights, and activations where it says so, are stored in.
        fold: whether batch norms are folded (`kresnet.export.served_network.served_network`).
        calibrate: number of training images whose activations set the integers' ranges.
        keep_float: names of layers, or of what layers' names begin with (`stage2.block1`), that stay in float.
        lose_at_most: largest loss in accuracy, as a share of all images; layers stay in float until it holds. None to
            quantise all of them, and refuse what loses more than `LOSE_AT_MOST`.
        compare: measure every layer's signal to quantisation noise.
    """

    kind: FileFormat
    weights: FileWeights = "float32"
    fold: Fold = "auto"
    calibrate: int = CALIBRATION_IMAGES
    keep_float: tuple[str, ...] = ()
    lose_at_most: float | None = None
    compare: bool = False

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            KresnetError: `bad_option`.
        """
        allowed = WEIGHTS[self.kind]
        if self.weights not in allowed:
            raise make_error("bad_option", f"--weights {self.weights} is not for --format {self.kind}.",
                             expected=", ".join(allowed), found=self.weights,
                             nearest=nearest(self.weights, list(allowed)))  # fmt: skip
        integers = self.kind == "tflite" and self.weights in QUANTIZED
        given = {"--keep-float": self.keep_float, "--lose-at-most": self.lose_at_most, "--compare": self.compare}
        if not integers and (named := [name for name, value in given.items() if value not in ((), None, False)]):
            message = f"{named[0]} is for quantised files of TensorFlow Lite, not for --weights {self.weights}."
            raise make_error("bad_option", message, remedy=f"--format tflite --weights int8, or leave {named[0]} out")
        if self.calibrate < 1:
            raise make_error("bad_option", "Nothing can be calibrated on no image.", expected="--calibrate 1 or more",
                             found=str(self.calibrate))  # fmt: skip
        if self.lose_at_most is not None and not 0 <= self.lose_at_most < 1:
            raise make_error("bad_option", "--lose-at-most is a share of all images.", expected="0% to 100%",
                             found=f"{self.lose_at_most:.2%}")  # fmt: skip

    @property
    def quantized(self) -> bool:
        """Whether weights become integers."""
        return self.weights in QUANTIZED

    @property
    def calibrated(self) -> bool:
        """Whether images have to be run through the network before it can be written."""
        return self.weights in CALIBRATED


def parse_share(text: str) -> float:
    """Return a share that is written as `0.5%` or as `0.005`.

    Raises:
        KresnetError: `bad_option`.
    """
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        message = "--lose-at-most is a share of all images."
        raise make_error("bad_option", message, expected="such as 0.5%", found=text) from None


__all__ = [
    "CALIBRATED",
    "CALIBRATION_IMAGES",
    "LOSE_AT_MOST",
    "QUANTIZED",
    "WEIGHTS",
    "FileFormat",
    "FileOptions",
    "FileWeights",
    "parse_share",
]
