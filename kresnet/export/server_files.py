"""Settings for `tensorflow_model_server`, as text protos, ready to use and yours to edit.

Beside the version folders, where a server passes over what is no integer, stand `models.config`
(`--model_config_file`), `batching.config` (`--batching_parameters_file`, with `--enable_batching`) and
`monitoring.config` (`--monitoring_config_file`); an export writes each once and never again. `MODELS_DIR/models.config`
lists every model there, and is kept up to date for as long as its first line says so.
"""

from __future__ import annotations

from pathlib import Path, PurePath

from kresnet.export.version_folders import list_versions
from kresnet.files import write_text

MODELS_CONFIG, BATCHING_CONFIG, MONITORING_CONFIG = "models.config", "batching.config", "monitoring.config"

#: First line of the list of all models, while kresnet keeps it.
KEPT_LINE = "# Kept by `kresnet export`; take this line away to keep the file yourself."

_MODELS = """\
# tensorflow_model_server --model_config_file=THIS_FILE
# Two versions stay loaded, so that a client can name the one before the newest. To name versions by label, add
#   version_labels {{ key: "stable" value: 1 }}
# and start the server with --allow_version_labels_for_unavailable_models.
model_config_list {{
{models}}}
"""
_MODEL = """\
  config {{
    name: "{name}"
    base_path: "{base_path}"
    model_platform: "tensorflow"
    model_version_policy {{ latest {{ num_versions: 2 }} }}
  }}
"""
_BATCHING = """\
# tensorflow_model_server --enable_batching --batching_parameters_file=THIS_FILE
# Requests that arrive within two milliseconds are answered together, padded to one of the allowed sizes.
max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 100 }
num_batch_threads { value: 2 }
allowed_batch_sizes: 1
allowed_batch_sizes: 4
allowed_batch_sizes: 8
allowed_batch_sizes: 16
allowed_batch_sizes: 32
"""
_MONITORING = """\
# tensorflow_model_server --rest_api_port=8501 --monitoring_config_file=THIS_FILE
prometheus_config { enable: true path: "/monitoring/prometheus/metrics" }
"""


def write_server_files(base: Path, models_dir: PurePath | None = None) -> None:
    """Write what is missing of the three files to `base`.

    Args:
        base: `MODELS_DIR/NAME`.
        models_dir: MODELS_DIR as the server will see it, absolute; as it is here by default.

    Raises:
        KresnetError: `disk_full`, `not_writable`.
    """
    seen = models_dir or base.parent.absolute()
    files = {
        MODELS_CONFIG: _models_config([base.name], seen),
        BATCHING_CONFIG: _BATCHING,
        MONITORING_CONFIG: _MONITORING,
    }
    for name, text in files.items():
        if not (base / name).exists():
            write_text(base / name, text)


def list_models(directory: Path, models_dir: PurePath | None = None) -> None:
    """Write `directory/models.config`, a list of every model that has a version, unless the user keeps it.

    Args:
        directory: MODELS_DIR.
        models_dir: MODELS_DIR as the server will see it, as for `write_server_files`.

    Raises:
        KresnetError: `disk_full`, `not_writable`.
    """
    path = directory / MODELS_CONFIG
    if path.exists() and not path.read_text(encoding="utf-8").startswith(KEPT_LINE):
        return
    names = sorted(one.name for one in directory.iterdir() if one.is_dir() and list_versions(one))
    write_text(path, f"{KEPT_LINE}\n{_models_config(names, models_dir or directory.absolute())}")


def _models_config(names: list[str], seen: PurePath) -> str:
    models = [
        _MODEL.format(name=name, base_path=(seen / name).as_posix().replace("\\", "\\\\").replace('"', '\\"'))
        for name in names
    ]
    return _MODELS.format(models="".join(models))


__all__ = ["BATCHING_CONFIG", "MODELS_CONFIG", "MONITORING_CONFIG", "list_models", "write_server_files"]
