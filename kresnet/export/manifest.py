"""The manifest of an export, and the names of the files beside it in `assets.extra/kresnet/`, which a server ignores.

`manifest.json`, `golden.npz` (see `kresnet.export.reference_outputs`), `spec.json` (the resolved spec),
`class_names.txt` (one a line), and after the proof `proof.json`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from kresnet.errors import make_error
from kresnet.export.signature_contract import Signature
from kresnet.files import digest
from kresnet.spec.architecture import Spec
from kresnet.spec.document import read_document
from kresnet.spec.validation import validate
from kresnet.version import __version__

FOLDER = "assets.extra/kresnet"
MANIFEST, REFERENCE_OUTPUTS, SPEC = f"{FOLDER}/manifest.json", f"{FOLDER}/golden.npz", f"{FOLDER}/spec.json"
CLASS_NAMES, PROOF = f"{FOLDER}/class_names.txt", f"{FOLDER}/proof.json"

#: Raised whenever a field changes its meaning.
FORMAT = 2

#: What the proof allows an output to differ by, unless the network's own rounding is large.
LEAST_TOLERANCE = 1e-5

#: Keys of the file that are not named as their attributes: those of exports that were written before.
_KEYS = {"reference_source": "golden_from"}


def made_with() -> dict[str, str]:
    """Return the versions of kresnet, TensorFlow and Keras that an export is made with."""
    return {"kresnet": __version__, **{name: metadata.version(name) for name in ("tensorflow", "keras")}}


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of an export that lies in its version folder.

    Attributes:
        name: name of the served model.
        made_with: versions of kresnet, TensorFlow and Keras.
        signatures: the signatures that the export promises (`kresnet.export.signature_contract`).
        class_names: names of the classes, in order; empty where the head is not a classifier.
        reference_source: where the reference inputs come from, in words (`reference_outputs.RANDOM_SOURCE` if they are
            random); `golden_from` in the file.
        changes: how the served network differs from the trained one (see `kresnet.export.served_network.ServedChange`).
        origin: origin of the trained network: its file, SHA-256, and what its run says of it.
        weights_bytes: bytes of the served network's weights, each counted once.
        digests: SHA-256 of every file but the manifest and the proof, by path within the version folder.
        temperatures: what the logits are divided by before they become probabilities: one number, or one for each
            label; None where they are taken as they are.
        tolerance: largest difference from the reference outputs that the proof allows, by
            `kresnet.export.reference_outputs.scaled_difference`.
    """

    name: str
    made_with: dict[str, str]
    signatures: dict[str, Signature]
    class_names: tuple[str, ...]
    reference_source: str
    changes: tuple[dict[str, Any], ...]
    origin: dict[str, Any]
    weights_bytes: int
    digests: dict[str, str]
    temperatures: tuple[float, ...] | None = None
    tolerance: float = LEAST_TOLERANCE

    def save(self, version: Path) -> None:
        """Write the manifest to a version folder."""
        values = {_KEYS.get(name, name): value for name, value in asdict(self).items()}
        if self.temperatures is None:  # earlier versions do not know the key
            del values["temperatures"]
        if self.tolerance == LEAST_TOLERANCE:
            del values["tolerance"]
        text = json.dumps({"format": FORMAT} | values, indent=2, ensure_ascii=False)
        (version / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, version: Path) -> Manifest:
        """Read the manifest of a version folder.

        Raises:
            KresnetError: `model_unreadable`, where this is no export of kresnet.
        """
        try:
            values: dict[str, Any] = json.loads((version / MANIFEST).read_text(encoding="utf-8"))
            if values.pop("format") != FORMAT:
                raise ValueError("another format")
            values |= {name: values.pop(key) for name, key in _KEYS.items()}
            values["signatures"] = {name: Signature.from_dict(one) for name, one in values["signatures"].items()}
            values |= {name: tuple(values[name]) for name in ("class_names", "changes")}
            if values.get("temperatures") is not None:  # earlier exports do not say
                values["temperatures"] = tuple(values["temperatures"])
            return cls(**values)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            message = f"{version} is not a model that this version of kresnet exported: {MANIFEST} cannot be read."
            raise make_error("model_unreadable", message, remedy="kresnet export RUN -o MODELS_DIR") from None


def read_spec(version: Path) -> Spec:
    """Read the spec of the network that a version folder holds.

    Raises:
        KresnetError: what is wrong with the file.
    """
    return validate(Spec, read_document(version / SPEC))


def file_digests(version: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a version folder but the manifest and the proof, by its path there."""
    names = sorted(path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file())
    return {name: digest(version / name) for name in names if name not in (MANIFEST, PROOF)}
