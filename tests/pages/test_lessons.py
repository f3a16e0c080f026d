"""The course: eight lessons, each with a question and a spec that can be planned."""

from __future__ import annotations

import pytest

from kresnet.pages.lessons import lessons, read_lesson
from kresnet.plan import plan_loaded
from kresnet.spec.loading import load_spec


def test_there_are_eight_in_order():
    found = lessons()
    assert [lesson.name.partition("-")[0] for lesson in found] == [str(n) for n in range(1, 9)]
    assert [lesson.title for lesson in found] == [
        "Why depth fails", "The degradation problem", "F(x) + x", "Shortcuts A, B and C",
        "What a 1×1 convolution saves", "Batch norm, forward and back", "Pre-activation",
        "Reading a gradient-flow plot",
    ]  # fmt: skip
    assert all(lesson.question.endswith("?") for lesson in found)
    assert len({lesson.spec_name for lesson in found}) == 8


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_its_spec_can_be_planned(lesson, tmp_path):
    file = tmp_path / lesson.spec_name
    file.write_text(lesson.spec)
    plan = plan_loaded(load_spec(str(file)))
    assert plan.name == file.stem


@pytest.mark.parametrize("text", ["", "# A heading\n", "# A heading\n\n```yaml\n# a.yaml\nname: a\n```\n"])
def test_what_is_no_lesson_is_told(tmp_path, text):
    page = tmp_path / "9-none.md"
    page.write_text(text)
    with pytest.raises(ValueError, match="is no lesson"):
        read_lesson(page)
