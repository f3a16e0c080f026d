"""`kresnet.describe_data`."""

import json

import kresnet


def test_data_are_described_and_drawn(tmp_path):
    survey = kresnet.describe_data("embedded", output=tmp_path / "grid.png")
    assert (tmp_path / "grid.png").is_file()
    found = json.loads(json.dumps(survey.as_dict()))
    assert (found["kind"], len(found["classes"]), found["problems"]) == ("embedded", 10, [])
    assert found["overrides"] == ["recipe.data={kind: embedded}", "head.classes=10", "input.shape=[28,28,1]"]
