"""Names of classes compared: what the eye cannot see is shown."""

import pytest

from kresnet.data.class_names import describe_difference, describe_names, look_alikes, similar_names


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("caf\xe9", "cafe\u0301", "the Unicode form: NFC and NFD"),
        ("cat", "Cat", "capital letters"),
        ("cat", "cat ", "blanks"),
        ("hot dog", "hot\xa0dog", "blanks"),
        ("cat", "ca\u200bt", "characters that cannot be seen"),
    ],
)
def test_names_that_look_alike_are_found_and_told_apart(one, other, words):
    assert look_alikes([one, "tea"], [other, "tea"]) == [(one, other)]
    assert describe_difference(one, other) == words
    assert similar_names([one, "tea", other]) == [tuple(sorted((one, other)))]


def test_other_names_are_no_look_alikes():
    assert look_alikes(["cat", "dog"], ["cat", "cats"]) == []
    assert similar_names(["cat", "dog", "cats"]) == []


def test_lists_are_told_apart_by_names_count_or_order():
    assert describe_names(("cat", "dog"), ("cat", "eel")) == "2 classes, only here: dog"
    assert describe_names(("caf\xe9",), ("cafe\u0301",)) == "1 classes, only here: 'caf\\xe9'"
    assert describe_names(("dog", "cat"), ("cat", "dog")) == "class 0 is dog"
    assert describe_names(("cat",), ("cat", "dog")) == "1 classes, only here: none"
    names = tuple(map(str, range(30)))
    assert describe_names(names, ()).endswith("8, 9 and 20 more")
