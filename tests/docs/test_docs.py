"""Every command and snippet of README and docs does what the text around it says."""

import pytest
from ruamel.yaml import YAML

from tests.docs.markdown import ROOT, blocks, prepare, run, shows

RUNNABLE = ("sh", "python", "yaml", "json")
#: Pages with an example that trains, or with many processes; `make docs-check` runs them.
SLOW = (
    "README.md",
    "docs/augmentation.md",
    "docs/training.md",
    "docs/callbacks.md",
    "docs/extensions.md",
    "docs/report.md",
    "docs/resuming.md",
    "docs/recipes.md",
    "docs/serving.md",
    "docs/batch-norm.md",
    "docs/gradient-flow.md",
    "docs/edge.md",
    "docs/explain.md",
    "docs/terminal.md",
    "docs/server.md",
    "docs/distributed.md",
    "docs/performance.md",
    "docs/tutorial.md",
    "docs/papers.md",
    "docs/own-data.md",
    "docs/transfer-learning.md",
    "docs/backbone.md",
    "docs/search.md",
    "docs/comparison.md",
    "docs/python.md",
    "docs/prepared-data.md",
    "docs/check-device.md",
    "docs/studies/index.md",
    "docs/watch.md",
    "docs/editor.md",
    "docs/weights.md",
    "docs/cost.md",
    "docs/architecture.md",
    *(f"docs/lessons/{name}.md" for name in ("1-depth", "2-degradation", "3-shortcuts", "6-batch-norm")),
    *(f"docs/lessons/{name}.md" for name in ("7-pre-activation", "8-gradient-flow")),
)

FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [path for path in FILES if path.name != "errors.md"]


def marked(path):
    name = str(path.relative_to(ROOT))
    return pytest.param(path, id=name, marks=[pytest.mark.slow] if name in SLOW else [])


@pytest.mark.parametrize("page", [marked(path) for path in PAGES])
def test_a_page_runs_from_top_to_bottom(page, tmp_path):
    prepare(tmp_path)
    printed = ""
    for block in blocks(page.read_text()):
        if block.language in RUNNABLE:
            printed = run(block, tmp_path)
        elif block.is_output:
            assert shows(block.text, printed), f"line {block.line}:\n{block.text}\nis not in\n{printed}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("b\nc", True),
        ("a\n...\nd  ", True),
        ("b\n...", True),
        ("a\nc", False),
        ("c\nb", False),
        ("", True),
        ("b\nd", False),
    ],
)
def test_output_is_shown_line_by_line_in_order(text, shown):
    assert shows(text, "a\nb \nc\nd") == shown


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_yaml_is_yaml(page):
    for block in blocks(page.read_text()):
        if block.language == "yaml":
            assert all(isinstance(document, dict) for document in YAML(typ="safe").load_all(block.text)), block.line


@pytest.mark.parametrize("page", FILES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    import re

    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_picture_of_the_readme_is_what_kresnet_draws():
    from kresnet.plan import plan_loaded
    from kresnet.plan.diagram import draw_plan
    from kresnet.spec.loading import load_spec

    assert (ROOT / "docs/images/quickstart.svg").read_text() == draw_plan(plan_loaded(load_spec("quickstart")))
