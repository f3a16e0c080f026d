"""Find the models of `MODELS_DIR`, without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from kresnet.errors import make_error, shell_word
from kresnet.export.version_folders import list_versions


def find_models(directory: Path) -> dict[str, Path]:
    """Return the folder of each model by its name, where `directory` is `MODELS_DIR` or the folder of one model.

    Raises:
        OSError: if the folder cannot be read.
    """
    directory = directory.absolute()
    bases = [directory] if _is_model_folder(directory) else sorted(directory.iterdir())
    return {base.name: base for base in bases if _is_model_folder(base)}


def require_models(directory: Path) -> dict[str, Path]:
    """Return what `find_models` does, which must be at least one model.

    Raises:
        KresnetError: `model_unreadable`, where there is no model.
    """
    if not directory.is_dir():
        raise make_error("model_unreadable", f"There is no directory {directory}.", remedy="name MODELS_DIR")
    try:
        models = find_models(directory)
    except OSError as error:
        raise make_error("model_unreadable", f"{directory} cannot be read: {error.strerror}.") from None
    if not models:
        message = f"{directory} holds no model: there is no NAME/VERSION/saved_model.pb in it."
        raise make_error("model_unreadable", message, remedy=f"kresnet export RUN -o {shell_word(directory)}")
    return models


def newest_version_folder(base: Path) -> Path:
    """Return the folder of a model's newest version."""
    versions = list_versions(base)
    return versions[max(versions)]


def _is_model_folder(base: Path) -> bool:
    return base.is_dir() and any((path / "saved_model.pb").is_file() for path in list_versions(base).values())
