"""``python -m pytest_expops``: check a program, make a page of a report, clean up after sessions."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pytest_expops.errors import ExpopsError
from pytest_expops.execution import scratch
from pytest_expops.execution.programs import FILES, PRINTED
from pytest_expops.verdicts.checks.checker import FOR_PROGRAMS, Checker, sources, thoroughness
from pytest_expops.verdicts.checks.programs import SAME, check_of, checked_program, read_command
from pytest_expops.verdicts.checks.text import tell
from pytest_expops.verdicts.replay import ReplayStatus

SAME_AGAIN, DIFFERS, WRONG = 0, 1, 2
"""The exit statuses: it gave the same, it did not, or it could not be checked."""
_EXAMPLES = """\
for example:
  python -m pytest_expops check -- python train.py --seed 1 --out '{out}'
  python -m pytest_expops check --vary all --outputs 'runs/*.json' -- train.py

Exit status: 0 if it gave the same, 1 if it did not, 2 if it cannot be checked.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options, command = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    parser = _parser()
    asked = parser.parse_args(options)
    if asked.command == "clean":
        return _clean(asked.artifacts)
    if asked.command == "report":
        return _report(asked.reports, asked.out)
    if not command:
        parser.error("no program is given; expected it after `--`, as in `check -- python train.py`")
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _interrupt)
    with scratch.folder_for("check") as folder:
        checker = Checker(folder)
        try:
            with _progress(shlex.join(command)):
                return _check(checker, asked, command, shlex.join(["python", "-m", "pytest_expops", *given]))
        except ExpopsError as error:
            print(f"error: {error}", file=sys.stderr)
            return WRONG
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
            return WRONG
        finally:
            checker.close()


def _clean(artifacts: Sequence[str]) -> int:
    """Remove what sessions left behind that ended without removing it, and say so."""
    problems = [each for each in artifacts if not Path(each).is_dir()]
    for each in problems:
        print(f"error: {each}: there is no such folder", file=sys.stderr)
    left = [folder for folder in scratch.left_behind(map(Path, artifacts)) if scratch.remove_abandoned([folder])]
    for folder in left:
        print(f"removed {folder}")
    if not left and not problems:
        print("no session left anything behind")
    return WRONG if problems else SAME_AGAIN


def _report(reports: Sequence[Path], out: Path) -> int:
    """Write the page of a report, or of two, and say so."""
    from pytest_expops.report.command import render_reports

    try:
        render_reports(reports, out)
    except ExpopsError as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG
    print(f"written: {out}")
    return SAME_AGAIN


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _check(checker: Checker, asked: argparse.Namespace, command: Sequence[str], again: str) -> int:
    how = thoroughness(asked.replays, sources(asked.vary, FOR_PROGRAMS), asked.diagnose, asked.diagnose_timeout)
    program, file = read_command(command, asked.outputs, checker.out, printed=asked.printed)
    result = checked_program(checker, check_of(program, file, (asked.rtol, asked.atol)), program, how)
    if result.verdict.status is ReplayStatus.DIFFERED:
        print(tell([result.verdict], again, Path.cwd(), SAME))
        return DIFFERS
    count = len(result.outputs[FILES])
    what = [f"{count} file" + ("s" if count != 1 else ""), *(["what it prints"] if PRINTED in result.outputs else [])]
    varied = f", with another {', '.join(how.vary)}" if how.vary else ""
    print(f"the same in {how.replays + 1} runs{varied}: {', '.join(what)} and the exit status")
    for name in result.outputs[FILES]:
        print(f"  {name}")
    return SAME_AGAIN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_expops",
        description="Check whether a program is reproducible, and read what sessions of pytest have reported.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    clean = commands.add_parser(
        "clean",
        help="remove the temporary folders of sessions that were killed",
        description="Remove the temporary folders of sessions that were killed. Those of sessions that still run are "
        "held by a lock, and stay; what `--expops-artifacts` keeps stays, too. (Each session does this at its start.)",
    )
    clean.add_argument(
        "artifacts", nargs="*", metavar="FOLDER", help="what --expops-artifacts was given: look there as well"
    )
    check = commands.add_parser(
        "check",
        help="run a Python program several times, and compare what it writes",
        usage="%(prog)s [options] -- PROGRAM [ARGUMENT ...]",
        description="Run a Python program in fresh interpreters, each with another hash seed, and compare the content "
        "of the files that it writes. Where they differ, say where and why. {out} in an argument of the program stands "
        "for a folder that is empty at the start of each run.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    check.add_argument(
        "--outputs",
        metavar="PATTERN",
        nargs="+",
        action="extend",
        default=[],
        help="its files: names or patterns, in {out}, or in the working directory (default: all in {out})",
    )
    check.add_argument("--printed", action="store_true", help="compare what it prints, too")
    check.add_argument("--replays", metavar="N", type=int, default=1, help="how often it is run again (default 1)")
    check.add_argument(
        "--vary",
        metavar="SOURCES",
        default="",
        help=f"what else is another in these runs, separated by commas: {', '.join(FOR_PROGRAMS)}; or all",
    )
    check.add_argument("--rtol", metavar="X", type=float, default=0.0, help="relative tolerance of numbers (default 0)")
    check.add_argument("--atol", metavar="X", type=float, default=0.0, help="absolute tolerance of numbers (default 0)")
    check.add_argument("--no-diagnose", dest="diagnose", action="store_false", help="do not find out why it differs")
    check.add_argument(
        "--diagnose-timeout", metavar="SECONDS", type=float, default=120.0, help="how long that may take (default 120)"
    )
    _add_report(commands)
    return parser


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    report = commands.add_parser(
        "report",
        help="make a page of a report, or of what changed from one to another",
        description="Make a page of a report that `pytest --expops-report=PATH.json` wrote. Of two reports, say what "
        "changed from the first to the second: verdicts, causes, results, metrics, times and the environment.",
        epilog="Exit status: 0 if the page is written, 2 if not.",
    )
    report.add_argument(
        "reports", nargs="+", type=Path, metavar="REPORT.json", help="a report, or two: before and after"
    )
    report.add_argument("-o", "--out", required=True, type=Path, metavar="PAGE.html", help="the page to write")


@contextmanager
def _progress(command: str) -> Iterator[None]:
    """Show on a terminal, from the first second on, that something is being done."""
    if not sys.stderr.isatty():
        yield
        return
    ended = threading.Event()

    def show() -> None:
        began = time.monotonic()
        while not ended.wait(1.0):
            sys.stderr.write(f"\rchecking {command}: {time.monotonic() - began:.0f} s ")
            sys.stderr.flush()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        sys.stderr.write("\r\x1b[K")


if __name__ == "__main__":
    sys.exit(main())
