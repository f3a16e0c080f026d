"""A network as small as one can be that has stages, shortcuts and norms."""

from __future__ import annotations

from typing import Any

from kresnet.plan import Plan, make_plan
from kresnet.spec.architecture import Spec


def tiny_plan(norm: dict[str, Any], **settings: Any) -> Plan:
    """Two basic blocks on 8x8 grey images, three classes; `settings` go into its blocks."""
    return make_plan(
        Spec.model_validate(
            {
                "name": "tiny",
                "input": {"shape": [8, 8, 1]},
                "norm": norm,
                "stem": {"kind": "conv", "width": 4, "kernel": 3, "stride": 1},
                "block": {"kind": "basic", **settings},
                "stages": [{"blocks": 1, "width": 4}, {"blocks": 1, "width": 8, "stride": 2}],
                "head": {"classes": 3},
            }
        )
    )
