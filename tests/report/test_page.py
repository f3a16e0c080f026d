"""The page as a browser parses it: nothing fetched, nothing injected, everything told twice."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from kresnet.evaluation.evaluation import Evaluation, Mistake
from kresnet.report.comparison import make_comparison
from kresnet.report.page import compare_page, report_page
from kresnet.report.run_data import gather_run_data
from tests.report.recorded_runs import NAMES, diverged, made

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}"
STYLE = Path(__file__).parents[2] / "kresnet/report/templates/style.css"


class Page(HTMLParser):
    """Elements with their attributes, text by element, and scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: list[str] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self.inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self.inside != "style":
            self.text.append(data)

    def all(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.elements if name == tag)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def examination(names=NAMES, kind="classes", **rest) -> Evaluation:
    count = len(names)
    matrix = np.full((count, count), 1) + 90 * np.eye(count, dtype=np.int64)
    mistakes = (Mistake(3, f"\udcff/{names[1]}.png", names[1], names[0], 0.97, "data:image/webp;base64,AAAA"),)
    return Evaluation(kind, "model.keras", 1000, 1.0, {"loss": 0.5, "accuracy": 0.9}, names, matrix, mistakes, **rest)


def report(directory: Path, found: Evaluation | None = None, **settings) -> Page:
    run = made(directory, **settings)
    if found:
        run.model.touch()
    return Page(report_page(gather_run_data(directory, directory.name, (lambda _: found) if found else None)))


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    return report(tmp_path_factory.mktemp("page") / "run", examination())


def test_nothing_is_fetched_and_only_the_pages_own_scripts_may_run(page):
    for tag, attributes in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            if name in attributes:
                assert re.match(r"#|data:image/webp;base64,", attributes[name]), (tag, attributes)
    (policy,) = (each["content"] for each in page.all("meta") if each.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    executed = [text for attributes, text in page.scripts if "type" not in attributes]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in executed}
    assert set(rules["script-src"].split()) == hashes
    assert not re.search(r"url\(|@import", STYLE.read_text())


def test_names_from_outside_are_only_text(tmp_path):
    names = (HOSTILE, *NAMES[1:])
    recipe = {"data": {"kind": "folder", "path": f"/{HOSTILE}"}}
    plain = report(tmp_path / "plain", examination())
    page = report(tmp_path / HOSTILE.replace("/", "∕"), examination(names), names=names, recipe=recipe)
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.words
    assert "49" not in page.words.split()
    for attributes, text in page.scripts:
        if "data-plot" in attributes:
            assert "<" not in text
            figure = json.loads(text)
            labels = [t for axis in ("xaxis", "yaxis") for t in figure["layout"][axis].get("ticktext") or []]
            labels += [trace.get("name") or "" for trace in figure["data"]]
            assert not any("<" in label for label in labels)


def test_every_figure_is_plotlys_and_has_words_and_a_table(page):
    figures = {a["data-plot"]: json.loads(text) for a, text in page.scripts if "data-plot" in a}
    training = {"curve-accuracy", "curve-loss", "curve-top-5-accuracy", "learning-rate"}
    inside = {"gradients-0", "gradient-moments", "gradient-ways", "batch-norm", "images-per-second", "input-wait"}
    assert figures.keys() == training | inside | {"confusion-0", "class-accuracy"}
    for figure in figures.values():
        go.Figure(figure)  # refuses what Plotly does not know
    drawn = {each["id"]: each for each in page.all("div") if each.get("class") == "canvas"}
    assert drawn.keys() == figures.keys()
    assert all(each["role"] == "img" and len(each["aria-label"]) > 20 for each in drawn.values())
    assert page.words.count("The numbers as a table") == len(figures)
    assert len(list(page.all("caption"))) == len(list(page.all("table")))


def test_the_page_is_in_order_for_who_does_not_see_it(page):
    assert next(page.all("html"))["lang"] == "en"
    assert [tag for tag, _ in page.elements if tag in ("header", "nav", "main", "footer")] == [
        "header", "nav", "main", "footer",
    ]  # fmt: skip
    ranks = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert ranks[0] == 1
    assert ranks.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(ranks))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for name in ("aria-labelledby", "href"):
            if attributes.get(name, "").strip("#"):
                assert attributes[name].lstrip("#") in ids, (tag, attributes)
    assert all(each["alt"] for each in page.all("img"))


def test_a_finished_run_says_how_it_ended_and_how_to_repeat_it(page):
    words = page.words
    assert "Finished after step 40 of 40." in words
    assert "kresnet fit tiny.yaml --set 'recipe.seed=0; echo'" in words
    assert "option A" in words
    assert "order: post activation" in words
    assert "Blocks 1-3" in words
    assert r"\udcff/class 1.png" in words  # a file's name need not be text


def test_a_stopped_run_says_how_to_go_on(tmp_path):
    words = report(tmp_path / "run", epochs=2).words
    assert "Stopped after step 20 of 40" in words
    assert f"kresnet fit --resume {tmp_path / 'run'}" in words


def test_a_failed_run_says_why_at_the_top(tmp_path):
    page = report(tmp_path / "run", epochs=2, ended=diverged())
    words = page.words
    assert "Ended by an error after step 20 of 40: In step 21 of 40" in words
    assert "[diverged]" in words
    assert "a smaller rate" in words
    assert words.index("[diverged]") < words.index("Test accuracy")


def test_a_run_that_has_no_epoch_yet_still_has_a_page(tmp_path):
    words = report(tmp_path / "run", epochs=0).words
    assert "No epoch has ended yet" in words
    assert "Stage 1" in words


def test_what_was_not_recorded_says_how_to_record_it(tmp_path):
    words = report(tmp_path / "run", measured=False).words
    assert "recipe.gradients_every_steps" in words
    assert f"kresnet check gradients {tmp_path / 'run'}" in words
    assert f"kresnet check bn {tmp_path / 'run'}" in words
    without = report(tmp_path / "other", measured=False, spec={"norm": {"kind": "none"}}).words
    assert "The network has no batch norm." in without


def test_a_thousand_classes_are_told_by_their_worst_pairs(tmp_path):
    names = tuple(f"class {n}" for n in range(1000))
    page = report(tmp_path / "run", examination(names), names=names)
    figures = {a["data-plot"]: json.loads(text) for a, text in page.scripts if "data-plot" in a}
    assert "confusion-0" not in figures
    assert len(figures["class-accuracy"]["data"][0]["x"]) == 20
    assert "Most confused" in page.words


def test_independent_labels_and_values_have_their_own_words(tmp_path):
    matrix = np.array([[[50, 5], [3, 42]]] * 10)
    labels = Evaluation("labels", "model.keras", 100, 1.0, {"loss": 0.1, "accuracy": 0.92}, NAMES, matrix,
                         (Mistake(0, "example 0", "with class 1", "without class 1", 0.9, None),))  # fmt: skip
    page = report(tmp_path / "labels", labels, spec={"head": {"classes": 10, "multi_label": True}})
    assert "Accuracy by label" in page.words
    assert "without class 1" in page.words
    values = Evaluation("values", "model.keras", 100, 1.0, {"loss": 0.1, "absolute_error": 0.2}, (), None,
                         (Mistake(0, "example 0", "1, 2", "1, 5", 1.5, None),))  # fmt: skip
    page = report(tmp_path / "values", values, names=(), spec={"head": {"kind": "none"}})
    assert "Largest errors" in page.words
    assert "off by 1.5" in page.words
    assert "Test absolute error" in page.words


def test_some_training_images_of_each_class_are_shown(tmp_path):
    pixel = "data:image/webp;base64,AAAA"
    found = examination(pictures={NAMES[0]: (pixel, pixel), "<b>": (pixel,)})
    page = report(tmp_path / "run", found)
    shown = [image["alt"] for image in page.all("img") if "training image" in image["alt"]]
    assert shown == [f"{NAMES[0]}, training image 1", f"{NAMES[0]}, training image 2", "<b>, training image 1"]
    assert "Some training images" not in report(tmp_path / "other", examination()).words


def test_the_deepest_network_makes_no_huge_page(tmp_path):
    spec = {"stages": [{"blocks": 200, "width": 16}, {"blocks": 200, "width": 32, "stride": 2}], "input": {
        "shape": [32, 32, 1], "pixels": {"mean": [0.286], "std": [0.353]}}}  # fmt: skip
    made(tmp_path / "run", spec=spec)
    html = report_page(gather_run_data(tmp_path / "run", "run", None))
    page = Page(html)
    written = len(html) - sum(len(text) for attributes, text in page.scripts if "type" not in attributes)
    assert written < 400_000
    assert "Blocks 2-200" in page.words


def test_several_runs_are_one_page(tmp_path):
    made(tmp_path / "a")
    made(tmp_path / "b", recipe={"seed": 1})
    made(tmp_path / "plain", spec={"block": {"kind": "basic", "shortcut": "none"}}, fingerprint="def", epochs=2)
    run_data = [gather_run_data(tmp_path / name, name, None) for name in ("a", "b", "plain")]
    page = Page(compare_page(make_comparison(run_data)))
    words = page.words
    assert "3 runs compared" in words
    assert "These runs are of different data" in words
    assert "block.shortcut" in words
    assert "±" in words
    assert "Block by block" in words
    figures = {a["data-plot"]: json.loads(text) for a, text in page.scripts if "data-plot" in a}
    assert {"final", "gradients-0", "gradients-1", "gradients-2", "gradient-profiles"} <= figures.keys()
    heat = [figures[f"gradients-{n}"]["data"][0] for n in range(3)]
    assert len({(each["zmin"], each["zmax"]) for each in heat}) == 1  # one scale, so that they compare
    accuracy = figures["curve-accuracy"]["data"]
    colors = {trace["name"]: trace["line"]["color"] for trace in accuracy}
    assert colors["a, test"] == colors["b, test"] != colors["plain, test"]
    symbols = {trace["name"]: trace["marker"]["symbol"] for trace in accuracy}
    assert symbols["a, test"] != symbols["b, test"]


def colors() -> dict[str, tuple[str, str]]:
    """Name of a colour -> what it is in the light, and in the dark."""
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", STYLE.read_text())
    return {name: (light, dark) for name, light, dark in found}


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio of two colours `#rrggbb`."""

    def luminance(color: str) -> float:
        channels = (int(color[n : n + 2], 16) / 255 for n in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_and_lines_stand_out_from_the_paper(theme):
    """Text at least 4.5 from what it is on (WCAG 1.4.3), lines of figures and shortcuts at least 3 (1.4.11)."""
    found = {name: pair[theme] for name, pair in colors().items()}
    for text in ("ink", "ink-2", "accent", "error", "good", "info", "warning", "identity", "projection", "pad"):
        for paper in ("paper", "raised"):
            assert contrast(found[text], found[paper]) >= 4.5, (text, paper)
    for line in [name for name in found if name.startswith("run-")]:
        assert contrast(found[line], found["paper"]) >= 3, line
    assert len([name for name in found if name.startswith("run-")]) == 8
