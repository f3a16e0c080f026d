"""The remedies that kresnet prints, read from its source, and what kind of remedy each is.

A remedy is alternatives with `; ` or `, or ` between them. Each may begin with words that end in a colon, and is then

    a command   `kresnet fit --resume RUN`, whole: what follows it stands behind a comma
    an option   `--set recipe.epochs=3`, `--images DIR`
    a setting   `pool: none`, as a document states it
    Python      `np.argmax(targets, axis=1)`

or else a sentence, in which options, settings in backquotes and variables may be named.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kresnet.diagnostics.device_check.operations import KERNEL_REMEDY
from kresnet.diagnostics.device_check.part import MEMORY_REMEDY, REPORT_REMEDY
from kresnet.weights.files.weight_file import _SAVE_AGAIN

PACKAGE = Path(__file__).resolve().parents[1] / "kresnet"

#: What stands for the values that a remedy is made with at run time, by the expression that gives them.
SAMPLES = {
    "' '.join(SUFFIXES)": ".jpg .png",
    "' '.join(least)": "--macs 12239488 --parameters 75770",
    "' '.join(options)": "--allow-missing head --allow-unused head --allow-missing stem.conv --allow-unused stem.conv",
    "' or '.join(elsewhere)": "bottleneck or dense",
    "', '.join(names)": "train, test",
    "CONFIG": "models.config",
    "FORMATS": "JPEG or PNG",
    "WAIT_VARIABLE": "KRESNET_RENDEZVOUS_SECONDS",
    "_SAVE_AGAIN": _SAVE_AGAIN,
    "_format_value(value)": "2024",
    "axis.path": "recipe.epochs",
    "command": "kresnet study fmnist -o fmnist",
    "context.command_path": "kresnet check bn",
    "data.name": "'mnist'",
    "str(folder)": "'folder'",
    "extra": "report",
    "field": "train_split",
    "found.document": "recipes",
    "found.text": "recipe.optimizer.momentum",
    "found.text.split(' or ')[0]": "recipe.optimizer.momentum",
    "given[0]": "epochs",
    "key": "expansion",
    "location.key": "momentum",
    "name": "head.dropout",
    "names[0]": "train",
    "package": "resnest-blocks",
    "_CLASS_NAMES": "class_names",
    "example": "http://[::1]:8501",
    "option": "--rest-port",
    "unit": "epochs",
    "epochs + 1": "8",
    "change.now": "8",
    "other[0]": "recipe.epochs",
    "self.variables[0]": "KERAS_BACKEND",
    "self.learning_rate / 10": "0.01",
}
#: Expressions whose value is a number, or else a path or a name without blanks.
_NUMBERS = re.compile(r"classes|batch|examples|channels|count|parts|seconds|available|fitting|lowest|labels|shape")

#: Calls and lookups that give a whole remedy -> what they may give; None for a remedy that was made elsewhere.
WHOLE = {
    "_allow_options": ["--allow-missing stem.conv --allow-missing head.logits", "--allow-unused stem.conv"],
    "cluster.remedy_alone": None,
    "shell_word": ["'a place'"],
    "command": ["kresnet study fmnist -o fmnist --seeds 0,1"],
    "_quote": ['quote it: name: "2024"', "quote it: --set 'name=\"2024\"'"],
    "table_remedy": [
        "kresnet data 'a place' -o images.csv, then --set "
        "'recipe.data={kind: table, path: images.csv, label: label, test_split: 0.2}'; "
        "or move some images of each class to a folder to test on"
    ],
    "entry.result.remedy": [  # of the parts of `check device`
        "state it in the recipe: xla: off",
        "state it in the recipe: precision: bfloat16",
        "state it in the recipe: distribution: one_device",
        KERNEL_REMEDY, REPORT_REMEDY, MEMORY_REMEDY,
    ],
    "remedy_for": None, "adapt_remedy": None,
    "'; or '.join": ["--entry teacher; or --entry student"],
    "problem.remedy.replace": ["kresnet evaluate RUN --set recipe.data.path=FOLDER"],
    "problem.remedy": None, "context['remedy']": None, "self.remedy": None, "remedy": None,
    "ended.get('remedy', '')": None, "printed.get('remedy', '')": None, "str(problem.get('remedy', ''))": None,
}  # fmt: skip


#: What stands in every module, and in every function, that makes a remedy: its name, or what takes it without one.
_MAKERS = re.compile("remedy|refuse_existing|NotEvaluated|contradiction_error")


@dataclass(frozen=True)
class Remedy:
    """A remedy with samples in the place of values, and where in the source it is made."""

    text: str
    module: str
    line: int

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {self.text}"


def remedies() -> list[Remedy]:
    """All of them, each text of a line once."""
    found = (remedy for path in sorted(PACKAGE.rglob("*.py")) for remedy in _of_module(path))
    return sorted(set(found), key=lambda each: (each.module, each.line, each.text))


def _of_module(path: Path) -> Iterator[Remedy]:
    module, source = str(path.relative_to(PACKAGE)), path.read_text(encoding="utf-8")
    if not _MAKERS.search(source):
        return
    lines, tree = source.splitlines(), ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and not _MAKERS.search(
            "\n".join(lines[node.lineno - 1 : node.end_lineno])
        ):
            continue
        if isinstance(node, ast.FunctionDef | ast.Module):
            own = _own_nodes(node)
            assigned = _assigned(own)
            for inner in own:
                for value in (*_remedy_values(inner), *_returned_remedies(node, inner)):
                    for text in _texts(value, assigned):
                        if text:
                            yield Remedy(text, module, value.lineno)


def _own_nodes(scope: ast.AST) -> list[ast.AST]:
    """What lies in a function and in none inside it, in the order of the source; its defaults are its own."""
    found, waiting = [], list(ast.iter_child_nodes(scope))[::-1]
    while waiting:
        found.append(node := waiting.pop())
        if not isinstance(node, ast.FunctionDef):
            waiting += list(ast.iter_child_nodes(node))[::-1]
    return found


def _assigned(nodes: list[ast.AST]) -> dict[str, list[ast.expr]]:
    """Names of a function -> what is assigned or added to them, from its own nodes."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and node.value:
                found.setdefault(target.id, []).append(node.value)
    return found


def _remedy_values(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        yield from (each.value for each in node.keywords if each.arg == "remedy")
        if isinstance(node.func, ast.Name) and node.func.id == "refuse_existing":
            yield from node.args[1:2]
        if isinstance(node.func, ast.Name) and node.func.id == "NotEvaluated":
            yield from node.args[1:2]
        if isinstance(node.func, ast.Name) and node.func.id == "contradiction_error":
            yield from node.args[2:3]
    elif isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "remedy"
                    and not (isinstance(value, ast.Constant) and value.value == "green"))  # fmt: skip
    elif isinstance(node, ast.FunctionDef):
        names = [each.arg for each in node.args.args]
        defaults = dict(zip(reversed(names), reversed(node.args.defaults), strict=False))
        if isinstance(default := defaults.get("remedy"), ast.Constant) and default.value:
            yield default


def _returned_remedies(scope: ast.AST, node: ast.AST) -> list[ast.expr]:
    """What a function returns whose name says that it is a remedy."""
    named = isinstance(scope, ast.FunctionDef) and scope.name.startswith("remedy_")
    return [node.value] if named and isinstance(node, ast.Return) and node.value else []


def _texts(value: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """What a remedy's expression may give."""
    if isinstance(value, ast.Constant):
        return [str(value.value)]
    if isinstance(value, ast.IfExp):
        return [*_texts(value.body, assigned), *_texts(value.orelse, assigned)]
    if isinstance(value, ast.BinOp):
        return [left + right for left in _texts(value.left, assigned) for right in _texts(value.right, assigned)]
    if isinstance(value, ast.JoinedStr):
        whole = [""]
        for part in value.values:
            given = [str(part.value)] if isinstance(part, ast.Constant) else _sample(part, assigned)
            whole = [begun + each for begun in whole for each in given]
        return whole
    if isinstance(value, ast.Name) and value.id in assigned:
        return [text for each in assigned[value.id] for text in _texts(each, {})]
    if isinstance(value, ast.BoolOp):  # options and " " + others: none without the first
        return _texts(value.values[-1], assigned)
    written = ast.unparse(value)
    name = ast.unparse(value.func) if isinstance(value, ast.Call) else written
    if written in WHOLE or name in WHOLE:
        return WHOLE.get(written, WHOLE.get(name)) or []
    raise AssertionError(f"what remedy does `{written}` give? Say so in {__name__}.WHOLE")


def _sample(part: ast.expr, assigned: dict[str, list[ast.expr]]) -> list[str]:
    """A sample of what stands in braces."""
    assert isinstance(part, ast.FormattedValue)
    written = ast.unparse(part.value)
    if written in SAMPLES:
        return [SAMPLES[written]]
    if isinstance(part.value, ast.IfExp | ast.JoinedStr | ast.Constant):
        return _texts(part.value, assigned)
    if isinstance(part.value, ast.Name) and part.value.id in assigned and part.value.id in ("convert", "remedy"):
        return _texts(part.value, assigned)
    if isinstance(part.value, ast.BoolOp):  # NAME or 'RUN'
        return _texts(part.value.values[-1], assigned)
    if written.startswith("shell_word("):
        return ["'a place'"]
    return ["8" if _NUMBERS.search(written) else "a place"]
