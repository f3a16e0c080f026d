"""Remedies as the verb at hand can take them.

An error is made far from the command line, in terms of the verb that meets it most: `--set recipe.data.path=FOLDER` for
`kresnet fit`. Other verbs meet it too, and have other options. Here, where the verb is known, alternatives that it does
not take are left out, or said in terms of what the user has.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from kresnet.errors import KresnetError

#: What stands between alternatives.
_OR = re.compile(r"; or |, or |; ")
_OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
_SETTING = re.compile(r"--set '?([\w.*]+)=(.*?)'?$")

#: Options of every verb.
_COMMON = {"--debug", "--help"}
#: Verbs whose `--set` takes some settings only: what these begin with. `-` stands for the spec's.
_SETTABLE = {"evaluate": "recipe.data.", "calibrate": "recipe.data.", "export": "recipe.data.",
             "explain": "recipe.data.", "data": "recipe.data.",
             "plan": "-", "scale": "-", "build": "-", "convert": "-", "diff": "-"}  # fmt: skip
#: Verbs that work with a run as it was trained.
_OF_RUNS = ("evaluate", "calibrate", "export", "explain", "predict", "report", "compare")


def adapt_remedies(error: KresnetError, root: Any, arguments: Sequence[str]) -> KresnetError:
    """Return the error with remedies for the command that met it.

    Args:
        error: as it was raised.
        root: the command `kresnet`, of which verbs are part.
        arguments: the words after `kresnet`.
    """
    names, command = find_verb(root, arguments)
    adapted = KresnetError(
        replace(problem, remedy=adapt_remedy(problem.remedy, names, command, arguments)) for problem in error.problems
    )
    adapted.more = error.more
    return adapted


def find_verb(root: Any, arguments: Sequence[str]) -> tuple[str, Any]:
    """Return name and command of the verb that arguments begin with: `check bn`; `kresnet` itself if there is none."""
    command, names = root, list[str]()
    for word in arguments:
        if word.startswith("-") or word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]
        names.append(word)
    return " ".join(names), command


def adapt_remedy(remedy: str, verb: str, command: Any, arguments: Sequence[str]) -> str:
    """Return what is left of a remedy where a verb prints it.

    Args:
        remedy: made for any verb.
        verb: name of the verb.
        command: the verb.
        arguments: the words after `kresnet`.
    """
    options = {option for parameter in command.params for option in parameter.opts} | _COMMON
    if "--resume" in arguments:
        options -= {"--set", "-o", "--force", "--recipe", "--init"}
    if "--set" not in options and "--set-a" in options and "kresnet " not in remedy:
        remedy, options = remedy.replace("--set ", "--set-a "), options | {"--set"}
    alternatives = _OR.split(remedy)
    kept = [each for each in alternatives if _is_possible(each, verb, options)]
    if len(kept) == len(alternatives):
        return remedy
    if kept:
        return ", or ".join(kept)
    return _translate(alternatives[0], verb, arguments)


def _is_possible(alternative: str, verb: str, options: set[str]) -> bool:
    """Whether a verb has the options that an alternative names; a whole command is possible anywhere."""
    if re.search(r"(^|: | )kresnet [a-z]|^\w+ .*: (python|pip|rm) |^(python|pip|rm|srun|unset) ", alternative):
        return True
    setting = _SETTING.search(alternative)
    if setting and not _takes_setting(verb, setting[1]):
        return False
    return set(_OPTION.findall(alternative)) <= options


def _takes_setting(verb: str, path: str) -> bool:
    begin = _SETTABLE.get(verb, "")
    return not path.startswith("recipe.") if begin == "-" else path.startswith(begin)


def _translate(alternative: str, verb: str, arguments: Sequence[str]) -> str:
    """Return in other words a setting that the verb does not take; nothing for other options."""
    if not (setting := _SETTING.search(alternative)):
        return ""
    path, value = setting.groups()
    if "--resume" in arguments and path.startswith("recipe."):
        run = shlex.quote(next(iter(arguments[arguments.index("--resume") + 1 :]), "RUN"))
        change = f"set {path.removeprefix('recipe.')} to {value} in {run}/recipe.yaml"
        return f"{change}, then kresnet fit --resume {run} --allow-changed"
    return "the data that the run was trained on" if verb in _OF_RUNS or "--resume" in arguments else ""


__all__ = ["adapt_remedies", "adapt_remedy", "find_verb"]
