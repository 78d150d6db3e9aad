"""Everything wrong with one config is collected, and reported at once, in the order of the file (S1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pytest_expops.errors import ConfigError, Location, Problem
from pytest_expops.wording import Suggestions


@dataclass(slots=True)
class Problems:
    """The problems found so far in the config at `path`: errors, which prevent a run, and warnings, which do not."""

    path: Path
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    suggestions: Suggestions = field(default_factory=Suggestions)

    def error(
        self,
        message: str,
        at: Location | None,
        *,
        process: str | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Note something that prevents a run."""
        self.errors.append(Problem(message, at, process, key, hint))

    def warn(
        self,
        message: str,
        at: Location | None,
        *,
        process: str | None = None,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Note something that is read, or ignored, in another way than its author probably meant."""
        self.warnings.append(Problem(message, at, process, key, hint))

    def as_error(self) -> ConfigError:
        """Return one error with every error noted so far, in the order of the file."""
        return ConfigError(self.path, in_file_order(self.errors))

    def raise_errors(self) -> None:
        """Raise one `ConfigError` with every error, if there is any."""
        if self.errors:
            raise self.as_error()


def in_file_order(problems: list[Problem]) -> tuple[Problem, ...]:
    """Return the problems by line and column; those without a place come first, equal places keep their order."""
    return tuple(
        sorted(problems, key=lambda each: (each.location.line, each.location.column) if each.location else (0, 0))
    )
