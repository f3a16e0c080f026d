"""JSON Schema of the documents as a user writes them, for editors and for validators that are not kresnet.

The models describe a document after `extends` and the cascade of block settings; what a user writes may leave out what
it inherits. So each mapping has two definitions: the model's own, and a `.partial` one that requires nothing and whose
mappings are partial in turn. A schema judges a document by itself; rules across fields are left to `kresnet plan`.
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
from typing import Any

from pydantic import BaseModel

from kresnet.spec.architecture import INHERITED_FIELDS, Spec
from kresnet.spec.base import Document
from kresnet.spec.blocks import Block
from kresnet.spec.locations import field_models
from kresnet.spec.recipe import Recipe
from kresnet.spec.search import Search
from kresnet.spec.study import Study

#: Document name -> its model.
DOCUMENTS: dict[str, type[Document]] = {"spec": Spec, "recipe": Recipe, "study": Study, "search": Search}

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PREFIX = "#/$defs/"
_PARTIAL = ".partial"

_EXTENDS = "Name or path of the {} that this one changes; see docs/spec-reference.md."

Schema = dict[str, Any]


def json_schema(document: str) -> Schema:
    """Return the JSON Schema of a kind of document that is whole, or that states only what it changes of another."""
    definitions = model_definitions(DOCUMENTS[document])
    title = DOCUMENTS[document].__name__
    for block in Block.members():
        if block.__name__ in definitions:
            _inherit(definitions[block.__name__])
    if "Stage" in definitions:  # a stage states what it changes of the network's block, and often nothing
        stage = definitions["Stage"]
        stage["required"].remove("block")
        stage["properties"]["block"] = _partial(stage["properties"]["block"])
    partial = {name + _PARTIAL: _partial_model(definition) for name, definition in definitions.items()}
    if title == "Spec":
        definitions[title]["required"].remove("stages")
        definitions[title]["anyOf"] = [{"required": ["stages"]}, {"required": ["widths"]}]
    extends = {"type": "string", "description": _EXTENDS.format(document)}
    partial[title + _PARTIAL]["properties"] = {"extends": extends} | partial[title + _PARTIAL]["properties"]
    schema: Schema = {
        "$schema": _DIALECT,
        "title": f"kresnet {document}",
        "description": definitions[title]["description"],
        "type": "object",
        "properties": {"extends": extends},
        "if": {"required": ["extends"]},
        "then": {"$ref": _PREFIX + title + _PARTIAL},
        "else": {"$ref": _PREFIX + title},
    }
    return schema | {"$defs": _reachable(schema, definitions | partial)}


def model_definitions(model: type[Document]) -> dict[str, Schema]:
    """Return the schemas of a model and of all that it holds, by name, with what is said below each field.

    pydantic's title for every field and OpenAPI's `discriminator` are left out.
    """
    root = model.model_json_schema()
    definitions = root.pop("$defs") | {model.__name__: root}
    for member in _members(model):
        fields = definitions[member.__name__].get("properties", {})
        for name, text in _field_docstrings(member).items():
            fields[name] = dict(sorted({"description": text, **fields[name]}.items()))
    return {name: {**_without_titles(definition), "title": name} for name, definition in definitions.items()}


def _members(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The model and all that its fields may hold."""
    found, pending = set[type[BaseModel]](), [model]
    while pending:
        if (each := pending.pop()) not in found:
            found.add(each)
            pending += [inner for field in each.model_fields.values() for inner, _ in field_models(field.annotation)]
    return found


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a model, those of the models that it extends included.

    pydantic's `use_attribute_docstrings` reads them whenever a model is made, and `kresnet plan` would wait for it.
    """
    texts = {}
    for each in reversed(model.__mro__):
        if each is not Document and issubclass(each, Document):
            (found,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
            for field, below in itertools.pairwise(getattr(found, "body", ())):
                match field, below:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                        texts[name] = inspect.cleandoc(text)
    return texts


def _without_titles(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    # A field may be called `title`; then it leads to a mapping, where pydantic's title is a string.
    dropped = {"discriminator"} | ({"title"} if isinstance(node.get("title"), str) else set())
    return {key: _without_titles(value) for key, value in node.items() if key not in dropped}


def _inherit(block: Schema) -> None:
    for name in block["properties"].keys() & set(INHERITED_FIELDS):
        block["properties"][name].pop("default", None)
        block["properties"][name] = _partial(block["properties"][name])


def _partial_model(definition: Schema) -> Schema:
    partial = {key: copy.deepcopy(value) for key, value in definition.items() if key != "required"}
    partial["title"] += ", in part"
    if "properties" in partial:
        partial["properties"] = {name: _partial(value) for name, value in partial["properties"].items()}
    return partial


def _partial(value: Schema) -> Schema:
    """The schema of a field whose mapping is merged onto another; lists are replaced whole and stay as they are."""
    value = copy.deepcopy(value)
    if "$ref" in value and not value["$ref"].endswith(_PARTIAL):
        value["$ref"] += _PARTIAL
    members = value.pop("oneOf", None) or value.pop("anyOf", None)
    if members:  # without its kind a mapping may fit several members of a union
        value["anyOf"] = [_partial(member) for member in members]
    return value


def _reachable(schema: Schema, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The definitions that the schema uses, directly or through others, sorted by name."""
    used: set[str] = set()
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, list):
            pending += node
        elif isinstance(node, dict):
            pending += node.values()
            name = str(node.get("$ref", "")).removeprefix(_PREFIX)
            if name and name not in used:
                used.add(name)
                pending.append(definitions[name])
    return {name: definitions[name] for name in sorted(used)}


__all__ = ["DOCUMENTS", "json_schema", "model_definitions"]
