"""Types are shown by what registers for them, without their modules knowing what shows them."""

from __future__ import annotations

import pytest

from kresnet.plan.formatters import format_html, format_line, format_text
from tests.plan.networks import plan


@pytest.mark.parametrize("function", [format_line, format_text, format_html])
def test_a_type_that_nothing_shows_is_an_error(function):
    with pytest.raises(NotImplementedError, match="int"):
        function(3)


@pytest.mark.parametrize("function", [format_line, format_text, format_html])
def test_a_type_is_shown_by_its_registered_function(function):
    class Shown:
        pass

    function.register(Shown, lambda value: "shown")
    assert function(Shown()) == "shown"


def test_the_methods_of_a_plan_show_it_by_these_functions():
    network = plan()
    assert repr(network) == f"<Plan {format_line(network)}>"
    assert "\n" not in format_line(network)
    assert str(network) == format_text(network)
    assert network._repr_html_() == format_html(network)
