"""What a program leaves to the end of Python: its files are complete when they are compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_expops import CheckError, NotReproducible, assert_program_reproducible

DRAW = "import random, sys\nfrom pathlib import Path\nout = Path(sys.argv[1])\nvalue = {value}\n"
LEFT = {
    "the program ends by sys.exit": "(out / 'a.txt').write_text(str(value))\nsys.exit(0)\n",
    "a file left open": "file = open(out / 'a.txt', 'w')\nfile.write(str(value))\n",
    "a compressed file left open": ("import gzip\nfile = gzip.open(out / 'a.txt.gz', 'wt')\nfile.write(str(value))\n"),
    "an archive left open": (
        "import zipfile\narchive = zipfile.ZipFile(out / 'a.zip', 'w')\narchive.writestr('b.txt', str(value))\n"
    ),
    "a function for the end": (
        "import atexit\n@atexit.register\ndef save():\n    (out / 'a.txt').write_text(str(value))\n"
    ),
    "a pool that is not shut down": (
        "from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(2)\n"
        "pool.submit(lambda: (out / 'a.txt').write_text(str(value)))\n"
    ),
    "a thread that starts another": (
        "import threading, time\n"
        "def last():\n    time.sleep(0.2)\n    (out / 'a.txt').write_text(str(value))\n"
        "threading.Thread(target=lambda: threading.Thread(target=last).start()).start()\n"
    ),
    "a printed text in a file of its own": "sys.stdout = open(out / 'a.txt', 'w')\nprint(value)\n",
    "a copy with the dates of the original": (
        "import os, shutil\nPath('source.txt').write_text(str(value))\nos.utime('source.txt', (1, 1))\n"
        "shutil.copy2('source.txt', out / 'a.txt')\n"
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("left", LEFT.values(), ids=LEFT)
def test_what_is_written_at_the_end_is_compared(here: Path, left: str) -> None:
    (here / "constant.py").write_text(DRAW.format(value="1.25") + left, encoding="utf-8")
    (content,) = assert_program_reproducible("constant.py", "{out}").values()
    assert "1.25" in str(content)
    (here / "drawn.py").write_text(DRAW.format(value="random.random()") + left, encoding="utf-8")
    with pytest.raises(NotReproducible, match=r"^files"):
        assert_program_reproducible("drawn.py", "{out}", diagnose=False)


def test_a_file_of_the_working_directory_counts_whatever_its_dates(here: Path) -> None:
    (here / "old.txt").write_text("old", encoding="utf-8")
    (here / "copies.py").write_text(
        "import os, shutil\nopen('source.txt', 'w').write('1')\nos.utime('source.txt', (1, 1))\n"
        "shutil.copy2('source.txt', 'copy.txt')\n",
        encoding="utf-8",
    )
    assert list(assert_program_reproducible("copies.py", outputs=["copy.txt"])) == ["copy.txt"]


def test_functions_for_the_end_run_backwards_and_can_be_taken_back(here: Path) -> None:
    (here / "ends.py").write_text(
        "import atexit, sys\nfrom pathlib import Path\nsaid = []\n"
        "def write():\n    Path(sys.argv[1], 'a.txt').write_text(' '.join(said))\n"
        "def fail():\n    said.append('fail')\n    raise ValueError('at the end')\n"
        "atexit.register(write)\natexit.register(said.append, 'first')\natexit.register(fail)\n"
        "atexit.register(print)\natexit.unregister(print)\natexit.register(said.append, 'last')\n",
        encoding="utf-8",
    )
    assert assert_program_reproducible("ends.py", "{out}") == {"a.txt": ("last fail first",)}


def test_a_forked_child_calls_its_functions_for_the_end_too(here: Path) -> None:
    (here / "forks.py").write_text(
        "import atexit, os, sys\nfrom pathlib import Path\n"
        "who = 'parent'\n"
        "atexit.register(lambda: Path(sys.argv[1], who + '.txt').write_text(who))\n"
        "if os.fork() == 0:\n    who = 'child'\n    sys.exit(3)\n"
        "Path(sys.argv[1], 'status.txt').write_text(str(os.waitstatus_to_exitcode(os.wait()[1])))\n",
        encoding="utf-8",
    )
    files = assert_program_reproducible("forks.py", "{out}")
    assert files == {"child.txt": ("child",), "parent.txt": ("parent",), "status.txt": ("3",)}


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("sys.exit(3)", "ends.py ended with exit status 3; the last that it printed:\n    so far"),
        ("sys.exit(130)", "ends.py ended with exit status 130; the last that it printed:\n    so far"),
        ("raise KeyboardInterrupt", "ends.py ended by KeyboardInterrupt; the last that it printed:\n    so far"),
        ("raise BaseException('mine')", "ends.py ended with exit status 1; the last that it printed:\n    so far"),
        ("os._exit(3)", "ends.py cannot be checked: the interpreter that ran `ends.py` ended with exit status 3; the "),
        ("os.kill(os.getpid(), 9)", "ends.py cannot be checked: the interpreter that ran `ends.py` was killed by SIGK"),
    ],
)
def test_a_program_that_does_not_end_well_is_told_by_how_it_ended(here: Path, end: str, message: str) -> None:
    (here / "ends.py").write_text(f"import os, sys\nprint('so far')\n{end}\n", encoding="utf-8")
    with pytest.raises(CheckError) as caught:
        assert_program_reproducible("ends.py", "{out}")
    assert str(caught.value).startswith(message)
    assert ("not by `os._exit`" in str(caught.value)) == (end == "os._exit(3)")


def test_another_exit_status_is_told_as_such(here: Path) -> None:
    (here / "ends.py").write_text(
        "import pathlib, sys\nfound = pathlib.Path('found')\nagain = found.exists()\nfound.touch()\n"
        "sys.exit(10 if again else 0)\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible) as caught:
        assert_program_reproducible("ends.py", printed=True, diagnose=False)
    assert str(caught.value).startswith("exit status: 0 in the first run, 10 in the replay; not deterministic\n")


def test_a_forked_child_does_not_stand_for_the_program(here: Path) -> None:
    (here / "forks.py").write_text(
        "import os, random, sys\n"
        "if os.fork() == 0:\n    open(sys.argv[1] + '/child.txt', 'w').write('1')\n    sys.exit(0)\n"
        "os.wait()\nopen(sys.argv[1] + '/parent.txt', 'w').write(str(random.random()))\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible, match=r"^files\['parent\.txt'\]"):
        assert_program_reproducible("forks.py", "{out}", diagnose=False)


def test_a_file_of_its_folder_counts_whatever_its_date(here: Path) -> None:
    (here / "copies.py").write_text(
        "import os, random, sys\npath = sys.argv[1] + '/old.txt'\n"
        "open(path, 'w').write(str(random.random()))\nos.utime(path, (1, 1))\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible, match=r"^files\['old\.txt'\]"):
        assert_program_reproducible("copies.py", "{out}", diagnose=False)


def test_what_a_file_that_was_left_open_still_keeps_is_compared(here: Path) -> None:
    (here / "open.py").write_text(
        "import random, sys\nsys.stdout.buffer.flush()\n"
        "file = open(sys.argv[1] + '/a.txt', 'w')\nfile.write(str(random.random()))\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible, match=r"^files\['a\.txt'\]"):
        assert_program_reproducible("open.py", "{out}", outputs=["./a.txt", "**/*.txt"], printed=True, diagnose=False)


def test_why_a_program_fails_is_said(here: Path) -> None:
    (here / "fails.py").write_text("import sys\nsys.exit('config missing')\n", encoding="utf-8")
    with pytest.raises(CheckError, match=r"exit status 1; the last that it printed:\n    config missing$"):
        assert_program_reproducible("fails.py", printed=True)


def test_a_daemon_thread_is_not_waited_for(here: Path) -> None:
    (here / "ends.py").write_text(
        "import sys, threading\nfrom pathlib import Path\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "Path(sys.argv[1], 'a.txt').write_text('1')\n",
        encoding="utf-8",
    )
    assert assert_program_reproducible("ends.py", "{out}") == {"a.txt": ("1",)}


def test_a_draw_of_a_function_for_the_end_is_told_with_its_line(here: Path) -> None:
    (here / "ends.py").write_text(
        "import atexit, random, sys\nfrom pathlib import Path\n\n\ndef save():\n    value = random.Random().random()\n"
        "    Path(sys.argv[1], 'a.txt').write_text(str(value))\n\n\natexit.register(save)\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible) as caught:
        assert_program_reproducible("ends.py", "{out}")
    assert "where:  ends.py:6 in save, the result of random.Random() without a seed " in str(caught.value)
    assert "add the parameter `random_seed` to `save`, and give it `42` where it is called" in str(caught.value)


def test_a_file_that_the_first_run_left_is_told_with_what_a_program_can_do(here: Path) -> None:
    (here / "caches.py").write_text(
        "import sys\nfrom pathlib import Path\ncache = Path('cache.txt')\nfound = cache.exists()\n"
        "cache.write_text('1')\nPath(sys.argv[1], 'a.txt').write_text(str(found))\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible) as caught:
        assert_program_reproducible("caches.py", "{out}")
    text = str(caught.value)
    assert "fix: write to `{out}`, which is empty for each run, or remove the file at the start\n" in text
    assert "replays agree with each other, and not with the first run\n" in text
    assert "this interpreter" not in text  # the first run had one of its own, too
