"""Settings by the names that earlier versions had for them, which specs and runs of those versions go on using."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kresnet.spec.base import merge


def with_present_names(document: Any) -> Any:
    """Return a spec document with the settings of blocks by their present names; anything else unchanged.

    Until 0.2, `squeeze_excite` was a setting of its own; now it is a kind of `attention`.
    """
    if not isinstance(document, Mapping):
        return document
    renamed = dict(document)
    if "block" in document:
        renamed["block"] = _present_block(document["block"])
    if isinstance(stages := document.get("stages"), list | tuple):
        renamed["stages"] = [_present_stage(stage) for stage in stages]
    return renamed


def _present_stage(stage: Any) -> Any:
    has_block = isinstance(stage, dict) and "block" in stage
    return stage | {"block": _present_block(stage["block"])} if has_block else stage


def _present_block(block: Any) -> Any:
    if not isinstance(block, dict) or "squeeze_excite" not in block or block.get("kind") == "dense":
        return block
    rest = {key: value for key, value in block.items() if key != "squeeze_excite"}
    old, attention = block["squeeze_excite"], rest.get("attention")
    if old is None:
        return rest | {"attention": None}
    kind = attention.get("kind") if isinstance(attention, dict) else attention
    if not isinstance(old, dict) or kind not in (None, "squeeze_excite"):
        return block  # no mapping, or two kinds at once: told as it was written
    return rest | {"attention": merge(attention, {"kind": "squeeze_excite", **old})}
