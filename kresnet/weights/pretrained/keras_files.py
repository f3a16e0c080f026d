"""The weights of keras.applications: their files, by which Keras knows them, and the shipped specs that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
        digest: what Keras knows its content by: an MD5 of 32 digits, or a SHA-256 of 64.
        page: where its documentation is.
    """

    model: str
    spec: str
    address: str
    digest: str
    page: str

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


#: By the names of their models.
KERAS_FILES = {each.model: each for each in (*_resnets(), *_convnexts())}


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
