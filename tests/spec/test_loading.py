"""Names and paths, and `extends`."""

from __future__ import annotations

import pytest

from kresnet.errors import MOST_PROBLEMS, KresnetError
from kresnet.plan import plan_loaded
from kresnet.spec.architecture import Spec
from kresnet.spec.document import MAX_BYTES
from kresnet.spec.loading import load_recipe, load_spec, load_text
from tests.spec.test_validation import VALID


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base.yaml").write_text(
        VALID + 'source: "a paper"\npublished: [{source: "a paper", parameters: 1.0e+6}]\n'
    )
    return tmp_path


def write(folder, text, name="child.yaml"):
    (folder / name).write_text(text)
    return str(folder / name)


def problem(reference, *overrides):
    with pytest.raises(KresnetError) as caught:
        load_spec(reference, overrides)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


# Extends


def test_a_document_says_only_what_it_changes(folder):
    spec = load_spec(write(folder, "extends: base.yaml\nname: child\nhead: {classes: 5}\nstem: {width: 8}\n")).value
    assert (spec.name, spec.head.classes, spec.stem.width, spec.stem.kernel) == ("child", 5, 8, 3)
    assert spec.source is None, "what a spec says of itself is not inherited"
    assert spec.published == ()


def test_lists_are_replaced_and_another_kind_replaces_the_whole(folder):
    text = "extends: base.yaml\nstages: [{blocks: 2, width: 16}]\nstem: {kind: deep}\n"
    text += "head: {kind: features, stages: [1]}\n"
    spec = load_spec(write(folder, text)).value
    assert len(spec.stages) == 1
    assert spec.stem.widths == (32, 32, 64)
    assert spec.head.kind == "features"


def test_a_text_is_loaded_as_the_file_that_it_would_be(folder):
    path = folder / "not_there.yaml"
    text = "extends: base.yaml\nname: child\nhead: {classes: 5}\n"
    found = load_text(Spec, text, path, "specs", ["stem.width=8"])
    assert (found.value.head.classes, found.value.stem.width, found.path) == (5, 8, path)
    assert found.value == load_spec(write(folder, text), ["stem.width=8"]).value
    with pytest.raises(KresnetError) as caught:
        load_text(Spec, text + "heads: 3\n", path, "specs")
    assert str(caught.value.problems[0].place) == f"{path}:4:1"
    with pytest.raises(KresnetError) as caught:
        load_text(Spec, text + "#" * MAX_BYTES, path, "specs")
    assert caught.value.problems[0].code == "document_too_large"
    assert not path.exists()


def test_extends_over_several_files_and_a_shipped_name(folder):
    write(folder, "extends: base.yaml\nname: middle\nstem: {width: 8}\n", "middle.yaml")
    assert load_spec(write(folder, "extends: middle.yaml\nname: last\n")).value.stem.width == 8
    assert load_spec(write(folder, "extends: resnet50\nname: mine\nhead: {classes: 7}\n")).value.head.classes == 7


def test_a_problem_names_the_file_that_states_it(folder):
    write(folder, VALID.replace("kernel: 3", "kernel: 99"), "base.yaml")
    found = problem(write(folder, "extends: base.yaml\nname: child\n"))
    assert (found.code, found.path) == ("out_of_range", "stem.kernel")
    assert found.place.file.endswith("base.yaml")
    assert found.place.line == 3


def test_cycles(folder):
    write(folder, "extends: b.yaml\n", "a.yaml")
    found = problem(write(folder, "extends: a.yaml\n", "b.yaml"))
    assert found.code == "extends_cycle"
    assert "b.yaml -> a.yaml -> b.yaml" in found.message
    assert problem(write(folder, "extends: self.yaml\n", "self.yaml")).code == "extends_cycle"


def test_extends_stays_in_its_folder(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text(VALID)
    for reference in (str(outside), f"../{outside.parent.name}/secret.yaml"):
        assert problem(write(folder, f"extends: {reference}\n")).code == "file_unreadable"
    (folder / "link.yaml").symlink_to(outside)
    assert problem(write(folder, "extends: link.yaml\n")).code == "file_unreadable"


@pytest.mark.parametrize(
    ("value", "code"), [("[a]", "wrong_type"), ("nowhere", "unknown_name"), ("no/where.yaml", "file_missing")]
)
def test_what_cannot_be_extended(folder, value, code):
    found = problem(write(folder, f"name: child\nextends: {value}\n"))
    assert (found.code, found.path, found.place.line) == (code, "extends", 2)


# --set


def test_a_contradiction_is_found_where_the_document_states_it(folder):
    loaded = load_spec(write(folder, "extends: base.yaml\nname: child\nnorm:\n  kind: group\n  groups: 5\n"))
    with pytest.raises(KresnetError) as caught:
        plan_loaded(loaded)
    places = {str(each.place).rsplit("/")[-1] for each in caught.value.problems}
    assert places == {"child.yaml:5:3"}


def test_places_within_a_replaced_list_are_not_those_of_the_base(folder):
    found = problem(write(folder, "extends: base.yaml\nname: child\nstages:\n  - {blocks: 1}\n"))
    assert (found.code, found.path) == ("missing_field", "stages.0.width")
    assert found.place.file.endswith("child.yaml")
    assert found.place.line == 4


def test_documents_may_not_extend_each_other_without_end(tmp_path):
    (tmp_path / "0.yaml").write_text("extends: resnet18\n")
    for number in range(1, 40):
        (tmp_path / f"{number}.yaml").write_text(f"extends: ./{number - 1}.yaml\n")
    assert load_spec(str(tmp_path / "10.yaml")).value.stages
    with pytest.raises(KresnetError, match="extends_cycle"):
        load_spec(str(tmp_path / "39.yaml"))


def test_what_lies_outside_is_not_told_to_exist(tmp_path):
    """A document is not told apart by what is on the disk of whoever reads it."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret\n")
    told = []
    for name in ("secret", "nothing"):
        path = tmp_path / "inside" / "a.yaml"
        path.write_text(f"extends: ../{name}.yaml\n")
        with pytest.raises(KresnetError, match="file_unreadable") as caught:
            load_spec(str(path))
        told.append(str(caught.value).replace(name, ""))
    assert told[0] == told[1]


def test_a_recipe_beside_a_spec_is_in_its_folder(tmp_path):
    (tmp_path / "r.yaml").write_text("extends: quickstart\nepochs: 9\n")
    (tmp_path / "inside").mkdir()
    assert load_recipe("./r.yaml", base_folder=tmp_path).value.epochs == 9
    with pytest.raises(KresnetError, match="file_unreadable"):
        load_recipe("../r.yaml", base_folder=tmp_path / "inside")


def test_only_the_first_hundred_problems_are_told(tmp_path):
    (tmp_path / "a.yaml").write_text("extends: resnet18\n" + "".join(f"x{n}: 1\n" for n in range(1000)))
    with pytest.raises(KresnetError) as caught:
        load_spec(str(tmp_path / "a.yaml"))
    assert len(caught.value.problems) == MOST_PROBLEMS
    assert caught.value.more
