"""What a program prints is all that it, and what it starts, writes to standard output; compared where asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import CheckError, NotReproducible, assert_program_reproducible

PRINTS = {
    "print": "print(value)\n",
    "a stream of its own": "sys.stdout.reconfigure(encoding='utf-8')\nsys.stdout.buffer.write(str(value).encode())\n",
    "the descriptor": "os.write(1, str(value).encode())\n",
    "compiled code": "import ctypes\nctypes.CDLL(None).puts(str(value).encode())\n",
    "a child process": "subprocess.run([sys.executable, '-c', 'print(' + str(value) + ')'])\n",
    "a child process that is given the stream": "subprocess.run(['echo', str(value)], stdout=sys.stdout)\n",
    "a forked child": "if os.fork() == 0:\n    print(value)\n    sys.exit(0)\nos.wait()\n",
    "a function for the end": "import atexit\natexit.register(lambda: print(value))\n",
    "a thread": "import threading\nthreading.Thread(target=lambda: print(value)).start()\n",
    "and closes it": "print(value)\nsys.stdout.close()\n",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("printing", PRINTS.values(), ids=PRINTS)
def test_what_is_printed_is_compared_where_that_is_asked_for(here: Path, printing: str) -> None:
    begin = "import os, random, subprocess, sys\nvalue = {}\n" + printing
    (here / "constant.py").write_text(begin.format("1.25"), encoding="utf-8")
    assert assert_program_reproducible("constant.py", printed=True) == {}
    drawn = begin.format("random.random()").replace("\nvalue", "\nopen('a.txt', 'w').close()\nvalue")
    (here / "drawn.py").write_text(drawn, encoding="utf-8")
    with pytest.raises(NotReproducible, match=r"^printed\[0\]: "):
        assert_program_reproducible("drawn.py", printed=True, diagnose=False)
    assert list(assert_program_reproducible("drawn.py", outputs=["a.txt"])) == ["a.txt"]


def test_what_goes_to_standard_error_is_not_compared(here: Path) -> None:
    (here / "says.py").write_text("import random, sys\nprint(random.random(), file=sys.stderr)\n", encoding="utf-8")
    assert assert_program_reproducible("says.py", printed=True) == {}


def test_why_it_fails_is_not_hidden_by_what_it_prints(here: Path) -> None:
    (here / "fails.py").write_text("for i in range(50):\n    print(i)\nraise ValueError('mine')\n", encoding="utf-8")
    with pytest.raises(
        CheckError, match=r"(?s)exit status 1; the last that it printed:\n    Traceback.*ValueError: mine$"
    ):
        assert_program_reproducible("fails.py", printed=True)


def test_what_it_printed_is_shown_where_it_fails_and_says_nothing_else(here: Path) -> None:
    (here / "fails.py").write_text("print('no such model')\nraise SystemExit(2)\n", encoding="utf-8")
    with pytest.raises(CheckError, match=r"exit status 2; the last that it printed:\n    no such model$"):
        assert_program_reproducible("fails.py", printed=True)
