"""Weights by name: pulled from the hub, Keras or a server, and used wherever a network on disk is."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.network import Network
from kresnet.api.progress import run_output
from kresnet.api.table import Table
from kresnet.errors import KresnetError, Problem, make_error, nearest
from kresnet.files import AnyPath
from kresnet.spec.loading import Reference, load_recipe, load_spec
from kresnet.spec.overrides import Overrides, split_overrides

if TYPE_CHECKING:
    from kresnet.weights.pretrained.pull import PulledWeights


def pull_weights(
    name: AnyPath,
    *,
    output: AnyPath | None = None,
    spec: Reference | Network | None = None,
    accept_licence: bool = False,
    test_size: bool = False,
    verify: bool = False,
    force: bool = False,
    progress: bool = True,
) -> PulledWeights:
    """Fetch weights by name and make a kresnet model of them, once: a cache keeps it.

    Args:
        name: `timm/NAME` or `hf:OWNER/REPO`, perhaps with `@REVISION`; `keras/NAME`; the `https://` address of a file;
            or a folder of the hub's form.
        output: a `.keras` file to write besides; its spec and what is known of the weights stand beside it, with the
            suffixes `.yaml` and `.json`.
        spec: the network of a file at an address.
        accept_licence: accept a licence that forbids commercial use, now and from now on.
        test_size: take the size at which the weights' authors measure them, where it is another than training's.
        verify: where the model is in the cache, have it compute again what it computed when it was converted.
        force: go on where the estimate of memory says stop.
        progress: tell on standard error what is done.

    Returns:
        The model's path, and what is known of the weights.

    Raises:
        KresnetError: `weights_unknown`, `weights_access`, `weights_unreachable`, `weights_licence`, `weights_mismatch`,
            `model_unreadable`; `output_exists`, `disk_full`, `not_writable`.
    """
    from kresnet.files import refuse_existing
    from kresnet.weights.pretrained.pull import copy_model, verify_outputs

    if output is not None:
        refuse_existing(Path(output))
    pulled = pull_named(name, spec, accept_licence, test_size=test_size, force=force, progress=progress)
    if pulled is None:
        raise _unknown_name(os.fspath(name))
    if verify and not pulled.fresh:
        run_output(progress).log(verify_outputs(pulled))
    if output is not None:
        copy_model(pulled, Path(output))
    return pulled


def pull_named(
    reference: AnyPath,
    spec: Reference | Network | None = None,
    accept_licence: bool = False,
    *,
    test_size: bool = False,
    force: bool = False,
    progress: bool = True,
) -> PulledWeights | None:
    """Return the model that weights by name became; None where a path is meant.

    Raises:
        KresnetError: as `pull_weights`.
    """
    from kresnet.weights.pretrained.weight_names import parse_weight_name

    name = parse_weight_name(os.fspath(reference))
    if name is None:
        return None
    from kresnet.weights.pretrained.pull import pull_weights as pull

    log, _ = run_output(progress)
    loaded = None
    if name.kind == "address" and spec is not None:
        loaded = spec.loaded if isinstance(spec, Network) else load_spec(spec)
    return pull(name, spec=loaded, accept_licence=accept_licence, test_size=test_size, force=force, log=log)


def pull_in_process(reference: AnyPath) -> None:
    """Pull weights by name in a process of its own, which leaves TensorFlow of this one unasked for devices.

    Raises:
        KresnetError: as `pull_weights`.
    """
    from kresnet.python_processes import child_environment, python_command
    from kresnet.weights.pretrained.weight_names import parse_weight_name

    if parse_weight_name(os.fspath(reference)) is None:
        return
    command = python_command("kresnet", "weights", "pull", os.fspath(reference), "--json")
    done = subprocess.run(command, env=child_environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        try:
            problems = [_problem(values) for values in json.loads(done.stdout)["problems"]]
        except (ValueError, KeyError):
            raise make_error("internal", f"kresnet weights pull ended with status {done.returncode}.") from None
        raise KresnetError(problems)


def _problem(values: dict[str, Any]) -> Problem:
    """Return a problem as it was before `Problem.as_dict`, but for its place."""
    text = {name: str(values.get(name, "")) for name in ("message", "path", "expected", "found", "nearest", "remedy")}
    return replace(Problem(values["code"], text.pop("message")), **text)  # type: ignore[arg-type]


def stated_init(recipe: Reference | None, overrides: Overrides) -> str | None:
    """Return the weights that a recipe says to start from."""
    if recipe is None:
        return None
    return load_recipe(recipe, split_overrides(overrides)[1]).value.init


def spec_of_weights(init: AnyPath, pulled: PulledWeights | None) -> Reference:
    """Return the spec of the network that weights are of, for who names no other.

    Raises:
        KresnetError: as `open_trained_model`.
    """
    if pulled is not None:
        return pulled.spec
    from kresnet.runs.trained_model import open_trained_model

    return open_trained_model(Path(init)).spec


def list_weights(
    pattern: str | None = None,
    *,
    max_parameters: float | str | None = None,
    licence: str | None = None,
    classes: int | None = None,
) -> Table:
    """List the weights of timm and Keras that have a name here: parameters, input size, licence.

    Examples:
        >>> list_weights("timm/resnet18.*", licence="bsd-3-clause").column("name")
        ['timm/resnet18.tv_in1k']

    Args:
        pattern: part of a name, or a pattern of a whole one, such as `*.a1_in1k`.
        max_parameters: only those of at most so many, as a number or as `30M`.
        licence: only those of this licence; `commercial` for those whose licence does not forbid commercial use.
        classes: only those that tell so many classes apart.

    Raises:
        KresnetError: `bad_option` for a number of parameters that is none.
    """
    from kresnet.weights.pretrained.hub_config import forbids_commercial_use
    from kresnet.weights.pretrained.known_weights import known_weights

    most = _parse_count(max_parameters)

    def is_wanted(entry: dict[str, Any]) -> bool:
        if licence == "commercial":
            fits = bool(entry["licence"]) and not forbids_commercial_use(entry["licence"])
        else:
            fits = licence is None or entry["licence"] == licence
        named = pattern is None or pattern in entry["name"] or fnmatch(entry["name"], pattern)
        return named and fits and (entry["parameters"] or 0) <= most and classes in (None, entry["classes"])

    shown = ("name", "parameters", "input", "test_input", "classes", "licence")
    return Table(filter(is_wanted, known_weights()), shown)


def show_weights(name: AnyPath, *, test_size: bool = False) -> dict[str, Any]:
    """Say what weights by name are of, from their configuration; the weights themselves are not fetched.

    Args:
        name: as for `pull_weights`, but for an address.
        test_size: as for `pull_weights`.

    Raises:
        KresnetError: as `pull_weights`.
    """
    from kresnet.plan import plan_loaded
    from kresnet.weights.pretrained.weight_names import parse_weight_name
    from kresnet.weights.pretrained.weight_origins import describe_weights

    parsed = parse_weight_name(os.fspath(name))
    if parsed is None:
        raise _unknown_name(os.fspath(name))
    model, origin = describe_weights(parsed, test_size=test_size)
    plan, entered = plan_loaded(model.loaded), model.loaded.value.input
    resize = entered.resize
    return {
        "name": parsed.text,
        "architecture": model.architecture,
        "parameters": plan.trainable,
        "macs": plan.macs,
        "input": list(entered.shape),
        "pixels": entered.pixels.document() if entered.pixels else None,
        "resize": resize.document() if resize else None,
        "classes": list(model.class_names),
        "licence": model.licence,
        "origin": origin,
        "notes": [note.replace("NAME", parsed.text) for note in model.notes],
    }


def _parse_count(text: float | str | None) -> float:
    if text is None:
        return float("inf")
    factors = {"K": 1e3, "M": 1e6, "G": 1e9}
    number = str(text).strip()
    factor = factors.get(number[-1:].upper(), 1.0)
    try:
        return float(number[:-1] if factor > 1 else number) * factor
    except ValueError:
        raise make_error("bad_option", "That is no number of parameters.", expected="a number, such as 30M or 5e6",
                         found=number) from None  # fmt: skip


def _unknown_name(name: str) -> KresnetError:
    return make_error("weights_unknown", f"{name} is no name of weights.",
                      expected="timm/NAME, keras/NAME, hf:OWNER/REPO, an https:// address, a folder with a config.json",
                      nearest=_nearest(name), remedy="kresnet weights list")  # fmt: skip


def _nearest(name: str) -> str:
    from kresnet.weights.pretrained.known_weights import known_weights

    return nearest(name, [entry["name"] for entry in known_weights()])


__all__ = [
    "list_weights",
    "pull_in_process",
    "pull_named",
    "pull_weights",
    "show_weights",
    "spec_of_weights",
    "stated_init",
]
