"""The verb that brings weights trained elsewhere into a kresnet model."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kresnet.cli.common import ForceOption, JsonOption, SetOption, console, log, planned, print_json
from kresnet.errors import fail

if TYPE_CHECKING:
    from kresnet.weights.habits import Carried
    from kresnet.weights.matching import Match

_LAYOUTS = "auto, torchvision, timm, cifar-pytorch, transformers, keras-applications or kresnet."


def register(app: typer.Typer) -> None:
    app.command()(convert)


def convert(
    weights: Annotated[Path, typer.Argument(metavar="WEIGHTS", help="A .safetensors, .keras or .weights.h5 file.")],
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="Path of a spec, or the name of a shipped one.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="The .keras file to write.")],
    layout: Annotated[str, typer.Option("--layout", help="Whose names the weights have: " + _LAYOUTS)] = "auto",
    allow_missing: Annotated[
        list[str] | None,
        typer.Option("--allow-missing", metavar="NAME", help="A layer or weight that the file may lack."),
    ] = None,
    allow_unused: Annotated[
        list[str] | None,
        typer.Option("--allow-unused", metavar="NAME", help="A tensor (or all below a name) that may be left out."),
    ] = None,
    overrides: SetOption = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Turn weights of PyTorch or Keras into a kresnet model that computes the same numbers.

    Writes FILE and, beside it, the network's resolved spec as FILE with the suffix .yaml.
    """
    from kresnet.files import refuse_existing, write_text
    from kresnet.plan.estimate import available_memory, check_fits, estimate
    from kresnet.runtime import import_tensorflow
    from kresnet.spec.document import dump
    from kresnet.weights.habits import carry_over
    from kresnet.weights.matching import match, require
    from kresnet.weights.source import open_weights

    if output.suffix != ".keras":
        raise fail("bad_option", f"-o {output} is not named as a Keras file.", expected="a name that ends in .keras")
    spec_file = output.with_suffix(".yaml")
    for path in (output, spec_file):
        refuse_existing(path)
    spec_overrides = _of_spec(overrides)
    with open_weights(weights) as source:
        _, plan = planned(spec, overrides)
        carried = carry_over(spec, spec_overrides, source, match(plan, source, layout).layout)
        found = match(carried.plan, source, layout)
        require(found, carried.plan, allow_missing or (), allow_unused or ())
        if not force:
            check_fits(estimate(carried.plan, 1, training=False), available_memory())
        for line in _told(found, carried):
            log(line)
        import_tensorflow()
        from kresnet.weights.convert import converted_model, write_model

        model = converted_model(carried.plan, found)
    write_model(model, output)
    write_text(spec_file, dump(carried.loaded.value.document()))
    if as_json:
        return print_json(_result(found, carried, output, spec_file))
    return console().print(f"{len(found.pairs)} weights set, read back bit for bit: {output}; its spec: {spec_file}")


def _of_spec(overrides: list[str] | None) -> list[str]:
    from kresnet.spec.loading import split_overrides

    own, recipe = split_overrides(overrides or ())
    if recipe:
        raise fail("bad_option", f"A conversion has no recipe: --set recipe.{recipe[0]}.")
    return own


def _told(found: Match, carried: Carried) -> list[str]:
    """What is done beyond setting float32 weights one by one."""
    lines = [f"Layout {found.layout.name}{f', prefix {found.prefix}' if found.prefix else ''}."]
    lines += [f"Carried over from the weights' origin: {path}={value}." for path, value in carried.settings.items()]
    lines += [
        f"The spec states {path}={own}, the weights' origin has {theirs}: the numbers will differ."
        for path, (own, theirs) in carried.differing.items()
    ]
    for kind, count in _types(found).items():
        exact = "which loses digits" if kind == "float64" else "which keeps every value"
        lines.append(f"{count} tensors are {kind}: cast to float32, {exact}.")
    left = [target.name for target in found.missing] + [target.name for target, _ in found.wrong]
    if left:
        lines.append(f"Left as they start: {', '.join(left)}.")
    if found.unused:
        lines.append(f"Left out: {', '.join(found.unused)}.")
    return lines


def _types(found: Match) -> Counter[str]:
    return Counter(tensor.type for _, tensor in found.pairs if tensor.type != "float32")


def _result(found: Match, carried: Carried, output: Path, spec_file: Path) -> dict[str, Any]:
    return {
        "model": str(output),
        "spec": str(spec_file),
        "layout": found.layout.name,
        "weights": len(found.pairs),
        "parameters": sum(target.parameter.size for target, _ in found.pairs),
        "carried_over": carried.settings,
        "differing": {path: {"spec": own, "origin": theirs} for path, (own, theirs) in carried.differing.items()},
        "cast_to_float32": dict(_types(found)),
        "left_as_initialized": [target.name for target in found.missing] + [t.name for t, _ in found.wrong],
        "left_out": found.unused,
    }
