"""Give a trained network to others: as a repository of the Hugging Face hub."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kresnet.api.progress import run_output
from kresnet.api.run import Run
from kresnet.api.stored_networks import open_trained
from kresnet.errors import make_error, shell_word
from kresnet.files import AnyPath

if TYPE_CHECKING:
    from kresnet.export.hub_folder import HubFolder
    from kresnet.runs.run_directory import RunDirectory


def push(
    run: Run | AnyPath,
    repository: str,
    *,
    dry_run: AnyPath | None = None,
    licence: str | None = None,
    private: bool = False,
    best: bool = False,
    progress: bool = True,
) -> HubFolder:
    """Put a run's network on the Hugging Face hub, in timm's form where timm has a network that computes the same.

    The repository gets `model.safetensors` in timm's names and timm's `config.json`, the `.keras` file, spec and
    recipe, and a model card with results, data, licence, and how it was trained and verified.

    Args:
        run: a finished run, or its directory.
        repository: `hf:OWNER/REPO`; it is created where there is none.
        dry_run: a new folder to write the files into, and nothing is sent.
        licence: name of the licence, such as `apache-2.0`; by default that of the weights that the run began with.
        private: a new repository is private.
        best: the network of the run's best epoch rather than that of the last.
        progress: tell on standard error what is going on.

    Returns:
        The folder, its files, and timm's name of the network.

    Raises:
        KresnetError: `bad_option` where the licence is not known, or for what is no run; `run_missing`;
            `export_mismatch` where what was written does not compute what the network does; `weights_access`,
            `weights_unreachable`; `output_exists`, `disk_full`, `not_writable`.
    """
    from kresnet.files import refuse_existing, staged_directory
    from kresnet.runtime import import_tensorflow
    from kresnet.weights.pretrained.hub import HubRepository
    from kresnet.weights.pretrained.weight_names import parse_weight_name

    name = parse_weight_name(repository) if repository.startswith("hf:") else None
    if name is None or name.revision not in ("", "main"):
        raise make_error("bad_option", f"{repository} is no repository to push to.", expected="hf:OWNER/REPO")
    if dry_run is not None:
        refuse_existing(Path(dry_run), "another folder")
    trained = open_trained(run.path if isinstance(run, Run) else run, None, None, best)
    if trained.run is None:
        raise make_error("bad_option", f"{trained} is of no run, whose results and data a model card tells.",
                         remedy="kresnet push RUN hf:OWNER/REPO")  # fmt: skip
    licence = licence or _licence_of_origin(trained.run)
    log, _ = run_output(progress)
    import_tensorflow()
    from kresnet.export.hub_folder import require_equal_network, write_hub_folder
    from kresnet.weights.convert import load_model

    model = load_model(trained.model, trained.plan)

    def write(folder: Path) -> HubFolder:
        written = write_hub_folder(trained, model, folder, repository=name.target, licence=licence)
        if written.architecture:
            log(
                f"timm's {written.architecture} computes the same: {require_equal_network(folder, model, trained.plan)}"
            )
        else:
            log("timm has no network that computes the same: the .keras file, spec and card are all there is.")
        return written

    if dry_run is not None:
        with staged_directory(Path(dry_run)) as staged:
            written = write(staged)
        log(f"Nothing was sent; kresnet predict {shell_word(dry_run)} IMAGE tries it." if written.architecture
            else "Nothing was sent.")  # fmt: skip
        return written.at(Path(dry_run))
    with tempfile.TemporaryDirectory() as temporary:
        written = write(Path(temporary))
        address = HubRepository(name.target).upload(Path(temporary), f"{trained.spec.name}, trained by kresnet",
                                                    private=private)  # fmt: skip
    return written.at(address)


def _licence_of_origin(run: RunDirectory) -> str:
    """Return the licence of the weights that a run began with, where it began with some that state one."""
    transfer = run.resolved.transfer
    if licence := str(transfer.origin.get("licence") or "") if transfer else "":
        return licence
    raise make_error("bad_option", "Nothing says under which licence others may use it.",
                     remedy="--licence apache-2.0")  # fmt: skip


__all__ = ["push"]
