"""Which models a folder holds; nothing of TensorFlow is imported to see that."""

from __future__ import annotations

from pathlib import Path

from kresnet.errors import make_error
from kresnet.export.staging import versions


def models_in(directory: Path) -> dict[str, Path]:
    """The models of `MODELS_DIR/NAME/VERSION` by name, or the one whose own folder `NAME/VERSION` it is.

    Raises:
        OSError: if the folder cannot be read.
    """
    directory = directory.absolute()
    bases = [directory] if _is_model(directory) else sorted(directory.iterdir())
    return {base.name: base for base in bases if _is_model(base)}


def require_models(directory: Path) -> dict[str, Path]:
    """The models of a folder.

    Raises:
        KresnetError: `model_unreadable`, where there is none.
    """
    if not directory.is_dir():
        raise make_error("model_unreadable", f"There is no directory {directory}.", remedy="name MODELS_DIR")
    try:
        found = models_in(directory)
    except OSError as error:
        raise make_error("model_unreadable", f"{directory} cannot be read: {error.strerror}.") from None
    if not found:
        message = f"{directory} holds no model: there is no NAME/VERSION/saved_model.pb in it."
        raise make_error("model_unreadable", message, remedy=f"kresnet export RUN -o {directory}")
    return found


def newest(base: Path) -> Path:
    """The folder of a model's newest version."""
    found = versions(base)
    return found[max(found)]


def _is_model(base: Path) -> bool:
    return base.is_dir() and any((path / "saved_model.pb").is_file() for path in versions(base).values())
