"""The data set that ships with the package."""

from __future__ import annotations

from kresnet.data import embedded
from kresnet.data.sources.array_source import ArraySource
from kresnet.data.sources.dataset import DataSet, fingerprint, require_channels
from kresnet.data.splits import Split
from kresnet.files import digest
from kresnet.spec.inputs import Input


def open_embedded(input: Input) -> DataSet:
    """Open the embedded part of Fashion-MNIST: grey images 28x28, ten classes, the same number of each.

    Raises:
        KresnetError: `data_mismatch` for a network that does not take grey images.
    """
    require_channels("the embedded data (Fashion-MNIST)", 1, input)
    arrays = embedded.read_embedded()
    splits = {
        name: Split(name, ArraySource(arrays[f"{name}_images"], arrays[f"{name}_labels"], input), input)
        for name in ("train", "test")
    }
    return DataSet(
        name="embedded (Fashion-MNIST)",
        train=splits["train"],
        test=splits["test"],
        class_names=embedded.CLASS_NAMES,
        fingerprint=fingerprint({"kind": "embedded", "sha256": digest(embedded.FILE)}),
    )
