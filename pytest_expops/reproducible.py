"""`assert_reproducible` and its kin: the checks that a test makes of a function, without a config."""

from __future__ import annotations

import atexit
import os
import shlex
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pytest_expops.errors import (
    ChangedArgumentWarning,
    CheckError,
    CheckFailed,
    ExpopsError,
    NotReproducible,
    NotVariedWarning,
)
from pytest_expops.execution import scratch
from pytest_expops.execution.calls.checked_call import RETURNED, CheckedCall, named_arguments
from pytest_expops.execution.programs import FILES
from pytest_expops.pipeline.check import names_of
from pytest_expops.verdicts.checks.checker import FOR_PROGRAMS, Checker, first_run, sources, thoroughness
from pytest_expops.verdicts.checks.described import AUTOMATIC, checked_number, describe, seed_parameter_of
from pytest_expops.verdicts.checks.programs import SAME as SAME_ARGUMENTS
from pytest_expops.verdicts.checks.programs import check_of, checked_program, read_command
from pytest_expops.verdicts.checks.resumption import Interruption, Resumption, not_resumed
from pytest_expops.verdicts.checks.seed_effect import never_changing, seed_text
from pytest_expops.verdicts.checks.text import changed_in_place, tell
from pytest_expops.verdicts.replay import ReplayStatus
from pytest_expops.wording import joined, shown

__all__ = ["assert_program_reproducible", "assert_reproducible", "assert_resumable", "assert_seed_matters"]


def assert_reproducible(
    function: Callable[..., Any],
    /,
    *args: Any,
    seed: int = 42,
    seeds: Sequence[int] | None = None,
    seed_parameter: str | None = AUTOMATIC,
    replays: int = 1,
    vary: str | Sequence[str] = (),
    twice: bool = True,
    rtol: float = 0.0,
    atol: float = 0.0,
    diagnose: bool = True,
    diagnose_timeout: float = 120.0,
    **kwargs: Any,
) -> Any:
    """Assert that a function returns the same when it is called again, elsewhere.

    It is called here, and again in a fresh interpreter with another hash seed, once or `twice`. Each call gets its own
    copy of the arguments. What it returns is compared, and each argument that it changes in place. A difference is told
    with the place where the runs part, and with the cause.

    Args:
        function: anything that can be imported or stored: a function, class, bound method, partial or lambda. One that
            is ``async`` is awaited.
        args: its arguments.
        seed: what Python's, NumPy's and other global generators are seeded with before each call; and the value of the
            function's parameter `seed_parameter`.
        seeds: check it under each of these seeds instead.
        seed_parameter: by default the first of ``random_seed``, ``seed`` and ``random_state`` that the function has
            and that has no value yet; None for none.
        replays: how often it is called again, each time with another hash seed.
        vary: what else is to be another in these: ``"clock,env"``, ``["clock", "env"]`` or ``"all"``.
        twice: whether it is called a second time there, so that state which it leaves in a module, in a library or in a
            default argument makes a difference.
        rtol: numbers may differ by ``atol + rtol * abs(first)``.
        atol: see `rtol`.
        diagnose: whether to find out why, where it differs. It is run some 10 to 15 times for that.
        diagnose_timeout: how many seconds that may take.
        kwargs: further arguments. One that is named as a parameter of this function is given by `functools.partial`.

    Returns:
        What the first call returned; for `seeds` a dict of it by seed.

    Warns:
        ChangedArgumentWarning: it is reproducible, and changes an argument in place (other than its own object).
        NotVariedWarning: it is reproducible, and the files could not be varied.

    Raises:
        NotReproducible: it gave something else. (It is an AssertionError.)
        CheckError: it cannot be checked, because an argument cannot be stored, say. (It is a ValueError.)
    """
    __tracebackhide__ = True
    checker = current_checker()
    with OwnErrors():
        varied = (*sources(vary), *(["order"] if twice else []))
        how = thoroughness(replays, tuple(dict.fromkeys(varied)), diagnose, diagnose_timeout)
        call = _call(function, args, kwargs, seed_parameter)
        check = describe(
            function,
            seed=seed,
            seeds=() if seeds is None else _several(seeds),
            seed_parameter=seed_parameter,
            tolerance=(rtol, atol),
        )
        session = checker.opened(check, call)
        if "files" in how.vary:
            checker.keep_files(check.folders[0], check.directory)
    found = {}
    for name in names_of(check):  # and no comprehension, which would be a frame of its own in the traceback
        found[name] = first_run(session, name)[RETURNED]
    with OwnErrors():
        verdicts = checker.verdicts(session, check, how)
        if any(each.status is ReplayStatus.DIFFERED for each in verdicts):
            raise NotReproducible(tell(verdicts, _command(), Path.cwd()), process=check.name)
    for reason in dict.fromkeys(each.unvaried for each in verdicts if each.unvaried):
        text = f"{check.name} was called again with its files as they are: {reason}"
        warnings.warn(NotVariedWarning(text), stacklevel=2)
    if changed := changed_in_place(session, check):
        text = f"{check.name} changes {joined([f'`{name}`' for name in changed])} in place"
        warnings.warn(ChangedArgumentWarning(text), stacklevel=2)
    return dict(zip(check.seeds, found.values(), strict=True)) if seeds else found[check.name]


def assert_seed_matters(
    function: Callable[..., Any],
    /,
    *args: Any,
    seeds: Sequence[int] = (1, 2, 3),
    seed_parameter: str | None = AUTOMATIC,
    rtol: float = 0.0,
    atol: float = 0.0,
    **kwargs: Any,
) -> dict[int, Any]:
    """Assert that a function returns something else under at least two of these seeds.

    A seed that reaches nothing, because a generator is made without it, say, passes every test of reproducibility.

    Args:
        function: as of `assert_reproducible`, as are the other arguments.
        args: its arguments.
        seeds: at least two seeds.
        seed_parameter: the parameter that gets the seed.
        rtol: numbers that differ by no more than ``atol + rtol * abs(first)`` are taken for equal.
        atol: see `rtol`.
        kwargs: further arguments.

    Returns:
        What it returned, by seed.

    Raises:
        AssertionError: it returns the same under all of them; names the parts.
        CheckError: it cannot be checked. (It is a ValueError.)
    """
    __tracebackhide__ = True
    with OwnErrors():
        if len(_several(seeds)) < 2:
            raise CheckError(f"seeds: at least two are needed, not {len(seeds)}", hint="expected seeds=[1, 2, 3]")
        call = _call(function, args, kwargs, seed_parameter)
        check = describe(function, seeds=seeds, tolerance=(rtol, atol))
        session = current_checker().opened(check, call)
        names = names_of(check)
    for name in names:
        first_run(session, name)
    if unmoved := never_changing(session, names):
        raise CheckFailed(seed_text(check, call, unmoved))
    found = (session.outputs(name)[RETURNED] for name in names)
    return dict(zip(seeds, found, strict=True))


def assert_resumable(
    run: Callable[[Any, int], Any],
    save: Callable[[Any, str], Any],
    load: Callable[[str], Any],
    /,
    *,
    start: Callable[[], Any] | None = None,
    steps: int = 10,
    seed: int = 42,
    rtol: float = 0.0,
    atol: float = 0.0,
) -> Any:
    """Assert that a computation which is saved, and loaded in a fresh interpreter, goes on as if it had not been.

    For 10 steps, the state after ``run(state, 10)`` must equal that of ``run(state, 5)``, saved, loaded, ``run(state,
    5)``. Where it does not, the failure names what is another right after loading: an attribute, or a random stream.
    The global generators are seeded before each run, as by a script that seeds at its start.

    Args:
        run: called with the state and the number of steps; returns the new state, or None if it changes the state in
            place.
        save: called with the state and the path of an empty folder.
        load: called with that path; returns the state.
        start: makes the first state; without it, `run` is called with None at first.
        steps: how many steps are made in all; half of them before it is saved.
        seed: what the global generators are seeded with before each run.
        rtol: numbers may differ by ``atol + rtol * abs(first)``.
        atol: see `rtol`.

    Returns:
        The state after all steps in one go.

    Raises:
        NotReproducible: the state is another, or what was saved cannot be loaded. (It is an AssertionError.)
        CheckError: it cannot be checked. (It is a ValueError.)
    """
    __tracebackhide__ = True
    with OwnErrors():
        steps = checked_number("steps", steps)
        for name, function in {"run": run, "save": save, "load": load, "start": start}.items():
            if not callable(function) and (name != "start" or function is not None):
                raise CheckError(f"{name}: a function is expected, not {type(function).__qualname__}")
        check = describe(run, seed=seed, tolerance=(rtol, atol))
    with OwnErrors(), scratch.folder_for("resume") as folder:
        subject = Resumption(start, run, save, load, steps, os.path.join(folder, "saved"))
        state, why = not_resumed(Interruption(current_checker(), check, subject), check, subject)
    if why:
        raise NotReproducible(why, process=check.name)
    return state


def assert_program_reproducible(
    *command: str | os.PathLike[str] | float,
    outputs: str | Sequence[str] = (),
    printed: bool = False,
    replays: int = 1,
    vary: str | Sequence[str] = (),
    rtol: float = 0.0,
    atol: float = 0.0,
    diagnose: bool = True,
    diagnose_timeout: float = 120.0,
) -> dict[str, Any]:
    """Assert that a Python program writes the same files when it is run again.

    It is run as ``__main__`` in fresh interpreters, each with another hash seed. What is compared is its exit status,
    the content of the files that it writes (see docs/files_by_content.md), and if asked, what it prints.

    Args:
        command: ``"train.py", "--seed", "1", "--out", "{out}"``, with or without ``"python"`` before; ``"-m",
            "package.train"``; or the name of a console script of an installed package. ``{out}`` stands for a folder
            that is empty at the start of each run.
        outputs: names or patterns of its files, such as ``"runs/*.json"``, in that folder, or if no argument has
            ``{out}``, in the working directory. By default all files in ``{out}``.
        printed: whether to compare what it prints, by line.
        replays: how often it is run again.
        vary: what else is to be another in these: ``"clock,env"``, ``["clock", "env"]`` or ``"all"``.
        rtol: numbers may differ by ``atol + rtol * abs(first)``.
        atol: see `rtol`.
        diagnose: whether to find out why, where it differs. It is run some 10 to 15 times for that.
        diagnose_timeout: how many seconds that may take.

    Returns:
        The content of each file that the first run has written, by name.

    Raises:
        NotReproducible: it gave something else. (It is an AssertionError.)
        CheckError: it cannot be checked: it fails, say, or has not written what it should. (It is a ValueError.)
    """
    __tracebackhide__ = True
    with OwnErrors():
        how = thoroughness(replays, sources(vary, FOR_PROGRAMS), diagnose, diagnose_timeout)
        checker = current_checker()
        words = [str(each) if isinstance(each, int | float) else os.fspath(each) for each in command]
        patterns = [outputs] if isinstance(outputs, str) else outputs
        program, file = read_command(words, patterns, checker.out, printed=printed)
        result = checked_program(checker, check_of(program, file, (rtol, atol)), program, how)
        if result.verdict.status is ReplayStatus.DIFFERED:
            raise NotReproducible(tell([result.verdict], _command(), Path.cwd(), SAME_ARGUMENTS))
    files: dict[str, Any] = result.outputs[FILES]
    return files


class OwnErrors:
    """Raises errors of this package without the frames in which it found them: the user's test is what to look at.

    (`contextlib.contextmanager` would put those frames back.)
    """

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise the error anew."""
        __tracebackhide__ = True
        if isinstance(error, ExpopsError):
            raise error.with_traceback(None) from None


def current_checker() -> Checker:
    """Return the checker of this process; it is made when the first check is, and ends with the process.

    Raises:
        CheckError: the files that are seen here are not those that another interpreter would find.
    """
    global _current
    if _current is None or _current[0] != os.getpid():
        scratch.remove_abandoned(scratch.left_behind())
        folder = scratch.new_folder("checks")
        _see_true_files(folder, scratch.remove)
        _current = os.getpid(), Checker(folder, os.environ.get("PYTEST_XDIST_WORKER", "main")), folder
        atexit.register(_end, *_current)
    _see_true_files(_current[2])
    return _current[1]


def _see_true_files(folder: Path, give_up: Callable[[Path], object] = lambda _: None) -> None:
    problem = scratch.stood_in_for(folder)
    if problem:
        give_up(folder)
        hint = "fix: make the check where the true files are seen, and what it checks makes the others itself"
        raise CheckError(f"nothing can be checked here: {problem}", hint=hint)


_current: tuple[int, Checker, Path] | None = None


def end_checks() -> None:
    """End what the checks of this process have started, and remove their files; for one that ends without exiting."""
    if _current is not None:
        process, checker, folder = _current
        _end(process, checker, folder)


def _end(process: int, checker: Checker, folder: Path) -> None:
    if os.getpid() == process:  # and not in a child that was forked
        checker.close()
        scratch.remove(folder)


def _call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], seed_parameter: str | None
) -> CheckedCall:
    if not callable(function):
        raise CheckError(
            f"a function is expected, not {type(function).__qualname__}", hint="give it without calling it"
        )
    given = named_arguments(function, args, kwargs)
    return CheckedCall(function, args, kwargs, seed_parameter_of(function, seed_parameter, given))


def _several(seeds: Any) -> Sequence[int]:
    if isinstance(seeds, str) or not hasattr(seeds, "__len__") or not hasattr(seeds, "__iter__") or len(seeds) == 0:
        raise CheckError(f"seeds: whole numbers are expected, not {shown(seeds)}", hint="expected seeds=[1, 2, 3]")
    return list(seeds)


def _command() -> str:
    """Return how to run the test again that is running; nothing where none is."""
    if "_pytest.runner" not in sys.modules:
        return ""  # the variable is that of a test which has started this program
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    return shlex.join(["pytest", test]) if test else ""
