"""An exception is shown, whatever its hooks do, and long texts of it are cut in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_expops.core import log_metric
from pytest_expops.execution.raised import failure_of, is_plain, user_traceback
from pytest_expops.execution.records import file_name
from pytest_expops.wording import MOST_OF_TEXT


def _interrupts(*_: object) -> Any:
    raise KeyboardInterrupt


def _caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:
        return caught


def _hostile(**hooks: Any) -> BaseException:
    made: type[BaseException] = type("Hostile", (Exception,), hooks)
    return made("told")


def test_a_usual_exception_is_shown_as_it_is() -> None:
    error = _caught(ValueError("told\nin two lines"))
    failure = failure_of(error)
    assert (failure.kind, failure.message, failure.summary) == ("ValueError", "told\nin two lines", "ValueError: told")
    assert failure.traceback.startswith("Traceback (most recent call last):\n")
    assert failure.traceback.endswith("ValueError: told\nin two lines")
    assert is_plain(error)


@pytest.mark.parametrize(
    "hooks",
    [
        {"__str__": _interrupts},
        {"__str__": lambda _: None},
        {"__repr__": _interrupts},
        {"__repr__": lambda _: "r" * 20_000},
        {"__class__": property(lambda _: pytest.skip.Exception)},
        {"__class__": property(_interrupts)},
        {"__getattribute__": _interrupts},
    ],
)
def test_a_hostile_exception_is_named_and_given_to_nobody(hooks: dict[str, Any]) -> None:
    error = _caught(_hostile(**hooks))
    assert not is_plain(error)
    failure = failure_of(error)
    assert failure.kind == "Hostile"
    fails = "__str__" in hooks
    assert failure.message == ("(its message cannot be shown: `str()` of this Hostile fails)" if fails else "told")
    assert "test_raised.py" in failure.traceback


def test_where_not_even_the_traceback_can_be_made_the_frames_are_shown() -> None:
    shown = user_traceback(_caught(_hostile(__cause__=property(_interrupts), __notes__=property(_interrupts))))
    assert shown.startswith("Traceback (most recent call last):\n")
    assert "raise error" in shown
    assert shown.endswith("Hostile: told")


def test_a_long_message_is_cut_in_the_middle() -> None:
    failure = failure_of(_caught(ValueError("begin" + "x" * 1_000_000 + "end")))
    for text in (failure.message, failure.traceback):
        assert "beginx" in text
        assert text.endswith("xend")
        assert "characters are left out here" in text
        assert len(text) < 4 * MOST_OF_TEXT
    assert len(failure.summary) < 600


def test_who_calls_a_function_of_ours_wrongly_sees_the_call_and_not_its_inside() -> None:
    def calls() -> None:
        log_metric("m", 10**400)

    with pytest.raises(TypeError) as caught:
        calls()
    told = user_traceback(caught.value)
    assert 'log_metric("m", 10**400)' in told
    assert told.endswith("(401 characters)")
    assert "pytest_expops" not in told


def test_an_error_of_ours_that_no_code_of_the_user_led_to_is_shown_where_it_is() -> None:
    with pytest.raises(TypeError) as caught:
        file_name(None)  # type: ignore[arg-type]
    assert "records.py" in user_traceback(caught.value.with_traceback(caught.tb.tb_next))


def test_the_innermost_line_of_the_user_is_known(tmp_path: Path) -> None:
    module = tmp_path / "user_module.py"
    module.write_text("import json\n\ndef inner(text):\n    json.loads(text)\n\ndef outer(text):\n    inner(text)\n")
    names: dict[str, Any] = {}
    exec(compile(module.read_text(encoding="utf-8"), str(module), "exec"), names)
    with pytest.raises(ValueError, match="Expecting property") as raised:
        names["outer"]("{{")
    failure = failure_of(raised.value)
    assert (failure.file, failure.line) == (str(module), 4)  # not a line of the library


def test_what_was_raised_nowhere_has_no_line() -> None:
    failure = failure_of(ValueError("never raised"))
    assert (failure.file, failure.line) == ("", 0)
