"""Weights by name, as a kresnet model: found, fetched, converted, verified once, and kept in a cache.

The cache holds a folder for each content, spec and version: `model.keras`, its spec `model.yaml`, and `model.json`,
what is known of the weights. A folder takes its name when it is whole. An index beside them leads from a name to the
folder that it last meant, for machines that have no network at the moment.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kresnet.errors import KresnetError, make_error, shell_word
from kresnet.files import cache_folder, digest, json_digest, read_mapping, staged_directory, write_json, write_text
from kresnet.plan import plan_loaded
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, load_spec
from kresnet.version import __version__
from kresnet.weights.pretrained.hub_config import forbids_commercial_use
from kresnet.weights.pretrained.weight_names import WeightName
from kresnet.weights.pretrained.weight_origins import WeightOrigin, find_origin
from kresnet.weights.weights_record import WeightsRecord, read_record

#: Changes where a conversion makes another model of the same file and spec.
_CONVERSION = 1

Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PulledWeights:
    """Weights that became a kresnet model in the cache.

    Attributes:
        model: path of the `.keras` file; the spec stands beside it, with the suffix `.yaml`.
        record: what is known of the weights.
        fresh: whether they were converted just now.
    """

    model: Path
    record: WeightsRecord
    fresh: bool

    @property
    def spec(self) -> Path:
        """Path of the network's spec."""
        return self.model.with_suffix(".yaml")

    def as_dict(self) -> dict[str, Any]:
        """Return what was pulled as JSON-ready values."""
        return {"model": str(self.model), "spec": str(self.spec), "converted": self.fresh, **self.record.as_dict()}


def pull_weights(
    name: WeightName,
    *,
    spec: LoadedDocument[Spec] | None = None,
    accept_licence: bool = False,
    test_size: bool = False,
    force: bool = False,
    log: Log = lambda line: None,
) -> PulledWeights:
    """Return the kresnet model that a name means, which is fetched and converted where it is not in the cache.

    Args:
        name: the name.
        spec: the network of a file at an address.
        accept_licence: accept a licence that forbids commercial use, now and from now on.
        test_size: take the size at which the authors measure, where it is another than training's.
        force: go on where the estimate of memory says stop.
        log: is told what is done, a line each.

    Raises:
        KresnetError: what `find_origin` raises; `weights_licence`; `weights_mismatch` where the weights are not of the
            spec; `too_large`, `disk_full`, `not_writable`.
    """
    index = _index_path(name, spec, test_size)
    try:
        origin = find_origin(name, spec=spec, test_size=test_size, accept=lambda it: _accept(name, it, accept_licence))
    except KresnetError as error:
        if error.problems[0].code == "weights_unreachable" and (kept := _indexed(index)):
            log(f"{error.problems[0].message} Taken from what was converted before.")
            return kept
        raise
    folder = cache_folder() / "weights" / _key(name, origin)
    kept = _kept(folder)
    if kept is None:
        log(f"Converting {name.text}, once.")
        _convert(name, origin, folder, force, log)
        kept = _kept(folder)
        assert kept
        kept = replace(kept, fresh=True)
    _remember(index, folder)
    log(kept.record.line())
    for note in origin.notes if kept.fresh else ():
        log(note.replace("NAME", shell_word(name.text)))
    return kept


def _key(name: WeightName, origin: WeightOrigin) -> str:
    """Return the folder's name: a digest of all that its files say, and of the version that writes them."""
    facts = {key: value for key, value in origin.facts.items() if key != "endpoint"}  # a mirror gives the same
    told: list[Any] = [
        name.text,
        facts,
        origin.identity,
        origin.loaded.value.document(),
        origin.layout,
        origin.class_names,
    ]
    told += [origin.licence, __version__, _CONVERSION]
    return json_digest(told)[:32]


def _kept(folder: Path) -> PulledWeights | None:
    """Return what a folder of the cache holds; None if it is not there, or no longer what was written."""
    model = folder / "model.keras"
    record = read_record(model)
    if record is None or not model.is_file() or not model.with_suffix(".yaml").is_file():
        return None
    return PulledWeights(model, record, False) if digest(model) == record.model_sha256 else None


def _index_path(name: WeightName, spec: LoadedDocument[Spec] | None, test_size: bool) -> Path:
    told = json_digest([name.text, spec and spec.value.document(), test_size])
    return cache_folder() / "weights" / "names" / f"{told[:32]}.json"


def _remember(index: Path, folder: Path) -> None:
    """Write down which folder a name means; a cache that cannot be written does without."""
    with contextlib.suppress(OSError, KresnetError):
        index.parent.mkdir(parents=True, exist_ok=True)
        write_json(index, {"folder": folder.name})


def _indexed(index: Path) -> PulledWeights | None:
    try:
        folder = json.loads(index.read_text(encoding="utf-8"))["folder"]
        return _kept(index.parents[1] / Path(str(folder)).name)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _accept(name: WeightName, licence: str, accepted: bool) -> None:
    """Refuse a licence that forbids commercial use, unless the user accepts it or did so before.

    Raises:
        KresnetError: `weights_licence`.
    """
    if not forbids_commercial_use(licence):
        return
    path = cache_folder() / "weights" / "accepted_licences.json"
    before = read_mapping(path)
    if before.get(name.target) == licence:
        return
    if not accepted:
        raise make_error(
            "weights_licence",
            f"{name.text} may not be used commercially: its licence is {licence}.",
            remedy=f"where you accept that, once: kresnet weights pull {shell_word(name.text)} --accept-licence",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {**before, name.target: licence})


def _convert(name: WeightName, origin: WeightOrigin, folder: Path, force: bool, log: Log) -> None:
    """Make the model, verify it, and write it into its folder of the cache.

    Raises:
        KresnetError: as `pull_weights`.
    """
    from kresnet.plan.memory_estimate import available_memory, estimate_memory, require_memory
    from kresnet.runtime import import_tensorflow
    from kresnet.weights.conversion import prepare_conversion
    from kresnet.weights.files.weight_file import open_weights

    sha256 = origin.verify()
    with open_weights(origin.file) as source:
        prepared = prepare_conversion(origin.loaded, plan_loaded(origin.loaded), source, layout=origin.layout)
        plan = prepared.carried.plan
        if not force:
            require_memory(estimate_memory(plan, 1, training=False), available_memory())
        import_tensorflow()
        import keras

        from kresnet.weights.convert import converted_model, write_model
        from kresnet.weights.output_digest import digest_outputs

        model = converted_model(plan, prepared.match)
    record = WeightsRecord(
        name.text,
        {**origin.facts, "sha256": sha256},
        origin.architecture,
        origin.licence,
        origin.class_names,
        outputs=digest_outputs(model, plan),
        kresnet=__version__,
        model_args=origin.arguments,
    )
    _remove_damaged(folder)
    try:
        with staged_directory(folder) as staged:
            write_model(model, plan, staged / "model.keras")
            write_text(staged / "model.yaml", prepared.carried.loaded.value.yaml())
            whole = replace(record, model_sha256=digest(staged / "model.keras"))
            write_json(staged / "model.json", whole.as_dict())
    except KresnetError:
        if _kept(folder) is None:  # unless another process was quicker
            raise
    keras.backend.clear_session()  # a run that begins in this process counts its layers from the first
    log(f"{len(prepared.match.pairs)} weights set, read back bit for bit.")


def _remove_damaged(folder: Path) -> None:
    """Take away a folder that is not what was written into it."""
    if folder.exists() and _kept(folder) is None:
        shutil.rmtree(folder, ignore_errors=True)


def copy_model(pulled: PulledWeights, output: Path) -> list[Path]:
    """Copy a model of the cache with its spec and record to where a user wants it, and return the three paths.

    Raises:
        KresnetError: `bad_option` for another name than a Keras file's; `output_exists`, `disk_full`, `not_writable`.
    """
    from kresnet.files import refuse_existing, staged_file

    if output.suffix != ".keras":
        raise make_error("bad_option", f"-o {output} is not named as a Keras file.", expected="a name in .keras")
    paths = [output.with_suffix(suffix) for suffix in (".yaml", ".json", ".keras")]
    for path in paths:
        refuse_existing(path)
    for path in paths:
        with staged_file(path) as staged:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(pulled.model.with_suffix(path.suffix), staged)
    return paths


def verify_outputs(pulled: PulledWeights) -> str:
    """Have a model of the cache compute the fixed image again, and return a sentence on how equal the outputs are.

    Raises:
        KresnetError: `model_unreadable` where it computes something else.
    """
    from kresnet.runtime import import_tensorflow

    import_tensorflow()
    from kresnet.weights.convert import load_model
    from kresnet.weights.output_digest import digest_outputs, require_same_outputs

    plan = plan_loaded(load_spec(pulled.spec), resolved=True)
    found = digest_outputs(load_model(pulled.model, plan), plan)
    return require_same_outputs(found, dict(pulled.record.outputs), pulled.record.name)


__all__ = ["PulledWeights", "copy_model", "pull_weights", "verify_outputs"]
