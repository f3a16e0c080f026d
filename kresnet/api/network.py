"""Networks before they are trained: loaded, planned, compared, built. TensorFlow is imported by `build` alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kresnet.api.table import Table
from kresnet.errors import make_error, nearest
from kresnet.files import AnyPath
from kresnet.plan import Plan, lower, plan_loaded
from kresnet.plan.render import plan_html, plan_line
from kresnet.plan.summary import PublishedComparison, compare_with_published
from kresnet.spec import library
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument, Reference, load_recipe, load_spec
from kresnet.spec.overrides import Overrides, split_overrides

if TYPE_CHECKING:
    import keras

    from kresnet.plan.diff import PlanDifference
    from kresnet.runs.resolved_run import ResolvedRun
    from kresnet.spec.recipe import Recipe


class Network:
    """A network that a spec describes; `kresnet.load` makes one.

    It never changes: `override` gives another. A notebook shows it as its plan.

    Attributes:
        loaded: the spec, with the places of its settings in the document that it was read from.
    """

    def __init__(self, loaded: LoadedDocument[Spec], plan: Plan | None = None) -> None:
        """Plan a loaded spec, unless its plan has been made.

        Raises:
            KresnetError: `contradiction`, `map_too_small` or `no_effect`; all problems at once.
        """
        self.loaded = loaded
        self._plan = plan_loaded(loaded) if plan is None else plan

    @property
    def name(self) -> str:
        """Name of the spec, which names files, folders and the served model."""
        return self.spec.name

    @property
    def spec(self) -> Spec:
        """All settings, defaults included: a frozen pydantic model, which a notebook shows as YAML."""
        return self.loaded.value

    def plan(self) -> Plan:
        """Return the network layer by layer: shapes, parameters, multiply-accumulates."""
        return self._plan

    def override(self, overrides: Overrides) -> Network:
        """Return the network with settings changed, as `kresnet.load` takes them.

        Examples:
            >>> load("resnet50").override({"head.classes": 10}).spec.head.classes
            10

        Raises:
            KresnetError: all problems of the changed spec at once.
        """
        return load(self, overrides)

    def document(self) -> dict[str, Any]:
        """Return the spec as JSON-ready values, every default written out; `kresnet.load` takes them."""
        return self.spec.document()

    def published(self) -> list[PublishedComparison]:
        """Return the figures that the spec's sources publish, beside the plan's."""
        return compare_with_published(self._plan)

    def drawing(self) -> str:
        """Draw the network, block by block, as a self-contained SVG document."""
        from kresnet.plan.diagram import draw_plan

        return draw_plan(self._plan)

    def build(self, *, precision: str = "float32", seed: int = 0, force: bool = False) -> keras.Model:
        """Build the network as a Keras model with initial weights, verified against the plan.

        Args:
            precision: `float32`, `bfloat16` or `float16`, of activations and products; weights are float32.
            seed: of initial weights and dropout.
            force: go on where the estimate of memory says stop.

        Returns:
            A model that takes float32 RGB values 0-255 `(N, H, W, C)`, or vectors `(N, length)`, and returns float32:
            logits `(N, classes)`, one output, or a dictionary of feature maps.

        Raises:
            KresnetError: `too_large`; `environment` if TensorFlow cannot be imported; `bad_option`.
        """
        return self._build(force, precision=precision, seed=seed)

    def save(self, directory: AnyPath, *, force: bool = False) -> list[str]:
        """Build the network and write `model.keras`, `plan.json`, `spec.yaml` and `network.svg` into a new directory.

        The model has the initial weights of `build` and Keras's own layers alone: any Keras loads it, without kresnet.

        Returns:
            The names of the files.

        Raises:
            KresnetError: `output_exists`, `not_writable`, `disk_full`, or what `build` raises; then nothing is left.
        """
        from kresnet.files import refuse_existing, staged_directory, write_json, write_text

        directory = Path(directory)
        refuse_existing(directory)
        model = self._build(force, stock=True)
        from kresnet.graph.stock import save_stock

        with staged_directory(directory) as staged:
            write_text(staged / "spec.yaml", self.spec.yaml())
            write_json(staged / "plan.json", self._plan.as_dict())
            write_text(staged / "network.svg", self.drawing())
            save_stock(model, staged / "model.keras")
        return sorted(path.name for path in directory.iterdir())

    def _build(self, force: bool, *, precision: str = "float32", seed: int = 0, stock: bool = False) -> keras.Model:
        """Build the network, unless its precision is none or memory does not suffice."""
        from kresnet.plan.memory_estimate import available_memory, estimate_memory, require_memory
        from kresnet.runtime import import_tensorflow

        require_one_of("precision", precision, ("float32", "bfloat16", "float16"))
        if not force:
            require_memory(estimate_memory(self._plan, 1, training=False), available_memory())
        import_tensorflow()
        from kresnet.graph import build_model

        return build_model(self._plan, precision=precision, seed=seed, stock=stock)

    def __repr__(self) -> str:
        return f"<Network {plan_line(self._plan)}>"

    def _repr_html_(self) -> str:
        return plan_html(self._plan)


def load(reference: Reference | Network, overrides: Overrides = ()) -> Network:
    """Load the network that a spec describes, its settings checked and its plan made.

    Examples:
        >>> load("resnet50")
        <Network resnet50: 25,610,152 parameters, 4.089 G MACs, 50 weighted layers>
        >>> load("resnet50", {"input.shape": [64, 64, 3], "head.classes": 10}).plan().macs
        333664256
        >>> load({"extends": "resnet50", "name": "ten", "head": {"classes": 10}})
        <Network ten: 23,581,642 parameters, 4.087 G MACs, 50 weighted layers>

    Args:
        reference: name of a shipped spec (`kresnet.specs()` lists them), path of a spec's file, its values as a
            mapping, or a network.
        overrides: settings to change, in turn: a mapping of paths to values (`{"stages.0.width": 32}`; a mapping as
            value changes only what it names, a list replaces), or texts as after `--set` (`["stages.0.width=32"]`).

    Raises:
        KresnetError: all problems of the spec at once, each with its place, the nearest valid name and a remedy.
    """
    of_spec, of_recipe = split_overrides(overrides)
    if of_recipe:
        message = "A setting of the recipe is none of the network."
        raise make_error(
            "bad_override", message, found=f"recipe.{of_recipe[0]}", remedy="kresnet.fit, or kresnet.recipe"
        )
    if isinstance(reference, Network):
        return Network(load_spec(reference.loaded, of_spec)) if of_spec else reference
    return Network(load_spec(reference, of_spec))


def recipe(reference: Reference, overrides: Overrides = ()) -> Recipe:
    """Load a recipe, with every default written out, for `kresnet.fit`.

    Examples:
        >>> recipe("quickstart", {"epochs": 3}).epochs
        3

    Args:
        reference: name of a shipped recipe, path of a recipe's file, its values as a mapping, or a recipe.
        overrides: settings to change, as for `kresnet.load`.

    Raises:
        KresnetError: all problems of the recipe at once.
    """
    return load_recipe(reference, overrides).value


def specs() -> Table:
    """List the networks that ship with kresnet: name, depth, parameters, multiply-accumulates, source.

    Examples:
        >>> specs().column("name")[:3]
        ['cifar_plain20', 'cifar_plain32', 'cifar_plain44']
    """
    plans = [lower(load_spec(name).value) for name in sorted(library.shipped_names(), key=_natural)]
    entries = [plan.as_dict(records=False) for plan in plans]
    return Table(
        ({key: value for key, value in entry.items() if key not in ("published", "recipe")} for entry in entries),
        ("name", "weighted_layers", "parameters.total", "macs", "source"),
    )


def diff(a: Reference | Network, b: Reference | Network) -> PlanDifference:
    """Compare network `b` with network `a`: settings, blocks, and what the difference costs.

    Examples:
        >>> diff("resnet18", "resnet34").totals()["parameters"]
        (11699112, 21814696)

    Raises:
        KresnetError: what loading either raises.
    """
    from kresnet.plan.diff import diff_plans

    one, other = load(a), load(b)
    return diff_plans(one.plan(), other.plan(), one.document(), other.document())


def schema(document: str = "spec") -> dict[str, Any]:
    """Return the JSON Schema of a `spec` or a `recipe`, for editors and validators.

    Raises:
        KresnetError: `bad_option` for another document.
    """
    from kresnet.spec.schema import DOCUMENTS, json_schema

    if document not in DOCUMENTS:
        expected, close = "one of " + ", ".join(DOCUMENTS), nearest(document, list(DOCUMENTS))
        raise make_error("bad_option", f"There is no document `{document}`.", expected=expected, nearest=close)
    return json_schema(document)


def resolve(network: Reference | Network, recipe: Reference | None, overrides: Overrides) -> ResolvedRun:
    """Settle what a run of a network under a recipe is; overrides whose path begins with `recipe.` are the recipe's.

    Raises:
        KresnetError: what loading either raises; `bad_option` if there is no recipe.
    """
    from kresnet.runs.resolved_run import resolve_run

    if isinstance(network, Network):
        return resolve_run(network.loaded, recipe, overrides, plan=network.plan())
    return resolve_run(network, recipe, overrides)


def require_one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    """Make sure that an option has one of its values.

    Raises:
        KresnetError: `bad_option`.
    """
    if value not in allowed:
        expected = f"{', '.join(allowed[:-1])} or {allowed[-1]}"
        raise make_error(
            "bad_option", f"{option} {value} is unknown.", expected=expected, nearest=nearest(value, allowed)
        )


def _natural(name: str) -> list[str | int]:
    """Sorts resnet18 before resnet101; words and numbers take turns, so that like meets like."""
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", name)]
