"""The one description of a network that everything else reads; pure Python."""

from typing import Any

import kresnet.plan.block_kinds
import kresnet.plan.convnext
import kresnet.plan.inverted_blocks
import kresnet.plan.norm_kinds
import kresnet.plan.record_kinds
import kresnet.plan.render  # noqa: F401 - implements how plans and differences print
from kresnet.errors import KresnetError
from kresnet.plan.lowering import lower
from kresnet.plan.records import Parameter, Plan, Record
from kresnet.plan.unused_settings import no_effect_problems
from kresnet.spec.architecture import Spec
from kresnet.spec.loading import LoadedDocument

__all__ = ["Parameter", "Plan", "Record", "lower", "make_plan", "plan_loaded"]


def make_plan(spec: Spec, document: dict[str, Any] | None = None) -> Plan:
    """Return the plan of a spec, each of whose settings must have an effect.

    Args:
        spec: the network.
        document: what its author wrote, and `spec` was validated from. Without it no setting is refused for want of an
            effect: only the document tells what was stated from what came from a rule or a default.

    Raises:
        KresnetError: `contradiction`, `map_too_small` or `no_effect`, naming paths in the spec.
    """
    plan = lower(spec)
    if document is not None and (problems := no_effect_problems(document)):
        raise KresnetError(problems)
    return plan


def plan_loaded(loaded: LoadedDocument[Spec], *, resolved: bool = False) -> Plan:
    """Do `make_plan` for a loaded spec; problems name the file, line and column of their setting.

    Args:
        loaded: the spec, with its document.
        resolved: whether kresnet wrote the document, with all defaults, and no author.
    """
    try:
        return make_plan(loaded.value, None if resolved else loaded.source.values)
    except KresnetError as error:
        raise loaded.locate_error(error) from None
