"""A library's table says what does not count in its classes; what it does not name is judged (S7.2)."""

from __future__ import annotations

from typing import Any

from pytest_expops.values.forms import Parts
from pytest_expops.values.kinds.bookkeeping import leaving_out, without_keys
from pytest_expops.values.naming import type_name


class Model:
    def __init__(self, **state: Any) -> None:
        self.__dict__.update(state)


class Network(Model):
    """Another class of the library, with an entry of its own."""


class OwnNetwork(Network):
    """A class of the user's."""


class Elsewhere:
    """Not of the library."""


handler_for = leaving_out(
    {
        type_name(Model): {"seconds": None, "history": without_keys("date")},
        type_name(Network): {"started": None, "history": len},
    }
)


def _judged(value: Any) -> dict[str, Any]:
    handler = handler_for(type(value))
    assert handler is not None
    form = handler(value)
    assert isinstance(form, Parts)
    assert form.tag == type_name(type(value))
    return dict(zip(form.names or (), form.values, strict=True))


def test_what_a_table_names_is_left_out_or_replaced_and_all_else_is_judged() -> None:
    history = {"date": 1, "loss": 2}
    assert _judged(Model(seconds=1, started=2, coef=3, history=history)) == {
        ".started": 2,
        ".coef": 3,
        ".history": {"loss": 2},
    }
    assert history == {"date": 1, "loss": 2}


def test_a_class_has_the_entries_of_its_bases_and_the_nearest_wins() -> None:
    for cls in (Network, OwnNetwork):
        assert _judged(cls(seconds=1, started=2, coef=3, history={"date": 1})) == {".coef": 3, ".history": 1}


def test_a_class_without_an_entry_has_no_handler() -> None:
    assert handler_for(Elsewhere) is None


def test_keys_are_left_out_of_plain_dicts_only() -> None:
    rule = without_keys("date")
    assert rule({"date": 1, "loss": 2}) == {"loss": 2}
    assert rule([("date", 1)]) == [("date", 1)]
