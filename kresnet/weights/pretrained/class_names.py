"""Names of the classes that others' weights tell apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any


@cache
def imagenet_class_names() -> tuple[str, ...]:
    """Return the names of ImageNet's 1,000 classes in order: a class's first word where that tells it from others."""
    lines = Path(__file__).with_name("imagenet_classes.tsv").read_text(encoding="utf-8").splitlines()
    synsets = [line.split("\t") for line in lines if not line.startswith("#")]
    return _distinct([(synset, words) for synset, words in synsets])


def _distinct(synsets: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the shortest name of each that no other has: a first word, all words, or those and the synset."""
    first = Counter(words.split(", ")[0] for _, words in synsets)
    whole = Counter(words for _, words in synsets)
    names = []
    for synset, words in synsets:
        word = words.split(", ")[0]
        names.append(word if first[word] == 1 else words if whole[words] == 1 else f"{words} ({synset})")
    return tuple(names)


def configured_class_names(config: Mapping[str, Any], classes: int) -> tuple[str, ...]:
    """Return the names of a model's classes, as a `config.json` on the hub gives them.

    timm writes `label_names` (a list, or names by number) and `label_descriptions` by name; transformers `id2label`. A
    model of 1,000 classes without names is one of ImageNet's, as timm takes it.

    Returns:
        As many names as there are classes, all distinct; none where nothing gives them.
    """
    own = config.get("pretrained_cfg")
    stated = [config, own] if isinstance(own, Mapping) else [config]
    for source in stated:
        given = source.get("label_names") or source.get("labels") or source.get("id2label")
        names = _in_order(given, classes)
        if names:
            described = source.get("label_descriptions")
            shown = tuple(str(described.get(name, name)) for name in names) if isinstance(described, Mapping) else names
            return shown if len(set(shown)) == classes else names
    return imagenet_class_names() if classes == len(imagenet_class_names()) else ()


def _in_order(given: Any, classes: int) -> tuple[str, ...]:
    if isinstance(given, Mapping):
        by_number = {str(number): name for number, name in given.items()}
        given = [by_number.get(str(number)) for number in range(classes)]
    if not isinstance(given, list | tuple) or len(given) != classes:
        return ()
    names = tuple(str(name).strip() for name in given if name is not None and str(name).strip())
    return names if len(set(names)) == classes else ()


__all__ = ["configured_class_names", "imagenet_class_names"]
