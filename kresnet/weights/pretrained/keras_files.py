"""The weights of keras.applications: their files, by which Keras knows them, and the shipped specs that they are of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kresnet.errors import make_error, nearest

LICENCE = "apache-2.0"
_ROOT = "https://storage.googleapis.com/tensorflow/keras-applications/"


@dataclass(frozen=True, slots=True)
class KerasFile:
    """A file of weights of keras.applications.

    Attributes:
        model: name of the model in `keras.applications`.
        spec: name of the shipped spec.
        address: where Keras keeps it.
        digest: what Keras knows its content by: an MD5 of 32 digits, or a SHA-256 of 64; empty where it checks none.
        page: where its documentation is.
        arguments: arguments of the model's function that are not its defaults.
    """

    model: str
    spec: str
    address: str
    digest: str
    page: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What follows `keras/`: the model, and the width or the variant that an argument chooses."""
        if "alpha" in self.arguments:
            return f"{self.model}-{self.arguments['alpha']}"
        return f"{self.model}-{next(iter(self.arguments))}" if self.arguments else self.model

    @property
    def algorithm(self) -> str:
        """How the digest is computed, as `keras.utils.get_file` calls it."""
        return "md5" if len(self.digest) == 32 else "sha256"


def _resnets() -> Iterator[KerasFile]:
    """Keras 3.15, applications/resnet.py."""
    digests = {
        "ResNet50": "2cb95161c43110f7111970584f804107",
        "ResNet101": "f1aeb4b969a6efcfb50fad2f0c20cfc5",
        "ResNet152": "100835be76be38e30d865e96f2aaae62",
        "ResNet50V2": "3ef43a0b657b3be2300d5770ece849e0",
        "ResNet101V2": "6343647c601c52e1368623803854d971",
        "ResNet152V2": "a49b44d1979771252814e80f8ec446f9",
    }
    for model, digest in digests.items():
        spec = model.lower().replace("v2", "_v2") + "_keras"
        address = f"{_ROOT}resnet/{model.lower()}_weights_tf_dim_ordering_tf_kernels.h5"
        yield KerasFile(model, spec, address, digest, "https://keras.io/api/applications/resnet/")


def _convnexts() -> Iterator[KerasFile]:
    """Keras 3.15, applications/convnext.py."""
    digests = {
        "Tiny": "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "Small": "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "Base": "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "Large": "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "XLarge": "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
    }
    for size, digest in digests.items():
        spec = f"convnext_{size.lower()}"
        page = "https://keras.io/api/applications/convnext/"
        yield KerasFile(f"ConvNeXt{size}", spec, f"{_ROOT}convnext/{spec}.h5", digest, page)


def _mobilenets() -> Iterator[KerasFile]:
    """Keras 3.15, applications/mobilenet_v2.py and mobilenet_v3.py."""
    page = "https://keras.io/api/applications/mobilenet/"
    for alpha in (1.0, 0.35, 0.5, 0.75, 1.3, 1.4):
        address = f"{_ROOT}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_224.h5"
        spec = "mobilenet_v2" + (f"_{round(100 * alpha):03}" if alpha != 1 else "")
        yield KerasFile("MobileNetV2", spec, address, "", page, {"alpha": alpha} if alpha != 1 else {})
    digests: dict[tuple[str, str, str], tuple[str, dict[str, Any]]] = {
        ("large", "", ""): ("59e551e166be033d707958cf9e29a6a7", {}),
        ("large", "", "_075"): ("765b44a33ad4005b3ac83185abf1d0eb", {"alpha": 0.75}),
        ("large", "_minimalistic", "_minimal"): ("675e7b876c45c57e9e63e6d90a36599c", {"minimalistic": True}),
        ("small", "", ""): ("8768d4c2e7dee89b9d02b2d03d65d862", {}),
        ("small", "", "_075"): ("cb65d4e5be93758266aa0a7f2c6708b7", {"alpha": 0.75}),
        ("small", "_minimalistic", "_minimal"): ("99cd97fb2fcdad2bf028eb838de69e37", {"minimalistic": True}),
    }
    for (size, variant, own), (digest, arguments) in digests.items():
        file = f"weights_mobilenet_v3_{size}{variant}_224_{arguments.get('alpha', 1.0)}_float.h5"
        address = f"{_ROOT}mobilenet_v3/{file}"
        yield KerasFile(f"MobileNetV3{size.title()}", f"mobilenet_v3_{size}{own}", address, digest, page, arguments)


def _efficientnets() -> Iterator[KerasFile]:
    """Keras 3.15, applications/efficientnet.py and efficientnet_v2.py."""
    first = {
        "b0": "902e53a9f72be733fc0bcb005b3ebbac",
        "b1": "1d254153d4ab51201f1646940f018540",
        "b2": "b15cce36ff4dcbd00b6dd88e7857a6ad",
        "b3": "ffd1fdc53d0ce67064dc6a9c7960ede0",
        "b4": "18c95ad55216b8f92d7e70b3a046e2fc",
        "b5": "ace28f2a6363774853a83a0b21b9421a",
        "b6": "165f6e37dce68623721b423839de8be5",
        "b7": "8c03f828fec3ef71311cd463b6759d99",
    }
    second = {
        "b0": "21ecbf6da12460d5c40bb2f29ceb2188",
        "b1": "069f0534ff22adf035c89e2d9547a9dc",
        "b2": "424e49f28180edbde1e94797771950a7",
        "b3": "1f1fc43bd98a6e4fd8fdfd551e02c7a0",
        "s": "e1d88a8495beba45748fedd0cecbe016",
        "m": "a3bf6aa3276309f4fc6a34aa114c95cd",
        "l": "27e6d408b53c7ebc868fefa357689935",
    }
    for size, digest in first.items():
        address = f"https://storage.googleapis.com/keras-applications/efficientnet{size}.h5"
        page = "https://keras.io/api/applications/efficientnet/"
        yield KerasFile(f"EfficientNet{size.title()}", f"efficientnet_{size}", address, digest, page)
    for size, digest in second.items():
        address = f"{_ROOT}efficientnet_v2/efficientnetv2-{size}.h5"
        page = "https://keras.io/api/applications/efficientnet_v2/"
        yield KerasFile(f"EfficientNetV2{size.title()}", f"efficientnet_v2_{size}", address, digest, page)


#: By the names that follow `keras/`.
KERAS_FILES = {each.name: each for each in (*_resnets(), *_convnexts(), *_mobilenets(), *_efficientnets())}


def keras_file(model: str) -> KerasFile:
    """Return the file of a model of keras.applications.

    Raises:
        KresnetError: `weights_unknown`.
    """
    if model in KERAS_FILES:
        return KERAS_FILES[model]
    by_lower = {name.lower(): name for name in KERAS_FILES}
    close = by_lower.get(nearest(model, list(by_lower)), "")
    raise make_error("weights_unknown", f"keras.applications has no network {model} that kresnet knows.",
                     expected=f"one of {', '.join(KERAS_FILES)}", nearest=close and f"keras/{close}")  # fmt: skip


__all__ = ["KERAS_FILES", "LICENCE", "KerasFile", "keras_file"]
