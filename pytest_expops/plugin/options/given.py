"""The value of an option with the place that it came from, and the one form in which such a value is refused."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_expops.bounds import NUMBERS
from pytest_expops.wording import shown

_BOOLEAN = "one of true, false"


@dataclass(frozen=True, slots=True)
class Given:
    """The value of an option as the user wrote it.

    `option` is the name to be shown: ``--expops-replay``, or that of the ini file where there is no such option.
    `source` is where the value came from: ``the command line``, ``pytest.ini``, ...
    """

    option: str
    value: str
    source: str

    def refused(self, problem: str, found: str | None = None) -> pytest.UsageError:
        """Return the error for a value that cannot be used.

        Args:
            problem: What is wrong, as the rest of a sentence: ``is not one of on, off``.
            found: The part of the value that is wrong, where it is not all of it.
        """
        subject = shown(self.value if found is None else found)
        return pytest.UsageError(f"{self.option}: {subject} {problem} (from {self.source})")

    def number(self, name: str) -> Any:
        """Return the value as a number that is within the bounds of `NUMBERS` under this name.

        Raises:
            pytest.UsageError: It is no number, or not within them.
        """
        bounds = NUMBERS[name]
        try:
            number = bounds.read(int(self.value) if bounds.whole else float(self.value))
        except ValueError:
            number = None
        if number is None:
            raise self.refused(f"is not {bounds.expected}")
        return number

    def one_of(self, choices: Collection[str]) -> str:
        """Return the value.

        Raises:
            pytest.UsageError: It is none of `choices`.
        """
        if self.value not in choices:
            raise self.refused(f"is not one of {', '.join(choices)}")
        return self.value


def given(config: pytest.Config, name: str) -> Given:
    """Return the value of the option `name`, such as ``expops_replay``: the command line goes before the ini file.

    Raises:
        pytest.UsageError: The ini file has something else than text there.
    """
    option = shown_name(config, name)
    value = config.getoption(name, None)
    if value is not None:
        return Given(option, value, option_source(config, option))
    value = ini_value(config, name, "text in quotes")
    if not isinstance(value, str):
        raise Given(option, value, ini_source(config, name)).refused("is not text in quotes")
    return Given(option, value, ini_source(config, name))


def switched_on(config: pytest.Config, name: str) -> bool:
    """Return whether an option without a value is given, or its ini twin is true.

    Raises:
        pytest.UsageError: The ini file has something else than a truth value there.
    """
    return bool(config.getoption(name) or ini_value(config, name, _BOOLEAN))


def ini_value(config: pytest.Config, name: str, expected: str) -> Any:
    """Return what the ini file says of `name`, or the default.

    Raises:
        pytest.UsageError: It is not of the type of this option, which `expected` describes.
    """
    try:
        return config.getini(name)
    except (TypeError, ValueError, pytest.UsageError) as error:
        # pytest's own words, which differ between its releases, end with the value.
        found = re.search(r"(?:got \w+: |truth value )(.+)$", str(error), re.DOTALL)
        problem = f"{found[1]} is not {expected}" if found else str(error)
        option = shown_name(config, name)
        raise pytest.UsageError(f"{option}: {problem} (from {ini_source(config, name)})") from None


def shown_name(config: pytest.Config, name: str) -> str:
    """Return the name by which messages call an option: that of the command line, if it can be given there."""
    return f"--{name.replace('_', '-')}" if hasattr(config.option, name) else name


def option_source(config: pytest.Config, option: str) -> str:
    """Return where a command line option was written: pytest reads further ones from a variable and the ini file."""
    places = {
        "the command line": config.invocation_params.args,
        "PYTEST_ADDOPTS": shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        f"addopts in {ini_source(config, 'addopts')}": config.getini("addopts"),
    }
    written = (place for place, words in places.items() if any(str(word).split("=")[0] == option for word in words))
    return next(written, "the command line")


def ini_source(config: pytest.Config, name: str) -> str:
    """Return where an ini value was written: the name of the file that pytest found, or ``-o NAME=VALUE``."""
    if any(word.split("=")[0] == name for word in config.getoption("override_ini") or ()):
        return "-o on the command line"
    return config.inipath.name if config.inipath else "the default"
