"""What is known of a code object, asked once for each: whether it is the project's, and what goes into a call of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType

from pytest_expops.execution.user_code.authoring import step

_INNER = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
"""Frames that are part of an expression: what happens in them happens at the line that holds the expression."""

_STEP_MODULE = step.__module__
_STEP_FUNCTION = "step.<locals>.decorate.<locals>.call"

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class CodeInfo:
    """One code object of the project.

    `key` is file, qualified name and first line; `inputs` the variables that have a value when it begins. A `namespace`
    is the body of a module or class, whose variables are what it makes.
    """

    code: CodeType
    key: Key
    inputs: tuple[str, ...]
    namespace: bool
    generator: bool


class Codes:
    """The code objects met so far, by identity: their own `==` compares all that is in them."""

    def __init__(self, owns_file: Callable[[str], bool]) -> None:
        self._owns_file = owns_file
        self._files: dict[str, bool] = {}
        self._known: dict[int, tuple[CodeType, CodeInfo | None]] = {}

    def owns(self, file: str) -> bool:
        """Whether a file is the project's. What was made from text (``<string>``) is nobody's."""
        found = self._files.get(file)
        if found is None:
            found = self._files[file] = not file.startswith("<") and self._owns_file(file)
        return found

    def info(self, code: CodeType) -> CodeInfo | None:
        """What is known of project code; None for that of others, and for comprehensions."""
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = code, self._look(code)
        return known[1]

    def _look(self, code: CodeType) -> CodeInfo | None:
        if code.co_name in _INNER or not self.owns(code.co_filename):
            return None
        count = code.co_argcount + code.co_kwonlyargcount
        count += bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
        return CodeInfo(
            code=code,
            key=(code.co_filename, code.co_qualname, code.co_firstlineno),
            inputs=(*code.co_varnames[:count], *code.co_freevars),
            namespace=not code.co_flags & inspect.CO_OPTIMIZED,
            generator=bool(code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)),
        )

    def origin(self, frame: FrameType) -> tuple[str | None, int]:
        """Return the step whose own function this frame runs, if it does (S2.1), and the line it was called from.

        The line is the project's; 0 where there is none.
        """
        step = None
        outer = frame.f_back
        while outer is not None:
            code = outer.f_code
            if code.co_qualname == _STEP_FUNCTION and outer.f_globals.get("__name__") == _STEP_MODULE:
                step = step or str(outer.f_locals["step_name"])
            elif self.owns(code.co_filename):
                return step, outer.f_lineno or 0
            outer = outer.f_back
        return step, 0


def is_plain_name(name: str) -> bool:
    """Whether a variable is the author's, rather than made by Python (``__name__``, ``.0``)."""
    return not (name.startswith(".") or (name.startswith("__") and name.endswith("__")))
