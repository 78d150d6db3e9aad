"""Programs that are run again: by `python -m pytest_expops check`, `assert_program_reproducible` and the fixture."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_expops import CheckError, NotReproducible, assert_program_reproducible
from pytest_expops.__main__ import main

TRAIN = """
import argparse, json, os, random, time, uuid
from pathlib import Path

import joblib
import numpy as np

from beside import scaled

IMPORTED = uuid.uuid4().hex  # planted: imported
CALLS = 0


class Model:
    def __init__(self, weights):
        self.weights = weights


def count():
    global CALLS
    CALLS += 1
    return CALLS


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default="runs")
    parser.add_argument("--how", default="")
    given = parser.parse_args()
    tags = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}
    weights = scaled(np.random.default_rng(1).normal(size=3))
    metrics = {"auc": float(weights.sum()), "tags": sorted(tags), "calls": [count(), count()], "name": "constant"}
    if given.how == "entropy":
        metrics["auc"] += np.random.default_rng().normal()  # planted: entropy
    if given.how == "global":
        metrics["auc"] += np.random.rand()  # planted: global
    if given.how == "hash":
        metrics["tags"] = list(tags)  # planted: hash
    if given.how == "imported":
        metrics["name"] = IMPORTED
    if given.how == "clock":
        metrics["at"] = time.time()  # planted: clock
    if given.how == "status":
        raise SystemExit(3)
    if given.how == "raise":
        raise ValueError("mine")
    if given.how == "text":
        print("weights", os.urandom(4))
    out = Path(given.out)
    out.mkdir(exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(metrics))
    joblib.dump({"weights": weights, "model": Model(weights)}, out / "model.joblib")
    print("took", uuid.uuid4())


if __name__ == "__main__":
    main()
"""
OTHERS = {
    "beside.py": "def scaled(values):\n    return values * 2\n",
    "setup.cfg": "",
    "package/__init__.py": "",
    "package/__main__.py": "from package.train import main\nmain()\n",
    "package/train.py": (
        "import sys\nfrom pathlib import Path\n\n\ndef main():\n"
        "    Path(sys.argv[1], 'a.txt').write_text('one\\ntwo\\n')\n\n\nif __name__ == '__main__':\n    main()\n"
    ),
    "flat.py": "import random\nx = random.random()\nopen('flat.csv', 'w').write(f'a,b\\n1,{x}\\n')\n",
    "workers.py": (
        "import multiprocessing, sys\nfrom pathlib import Path\n\n\ndef square(x):\n    return x * x\n\n\n"
        "if __name__ == '__main__':\n    multiprocessing.set_start_method('spawn')\n"
        "    with multiprocessing.Pool(2) as pool:\n"
        "        Path(sys.argv[1], 'a.txt').write_text(str(pool.map(square, range(3))))\n"
    ),
    "shell.sh": "echo 1\n",
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"train.py": TRAIN, **OTHERS}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def line_of(how: str) -> int:
    return next(number for number, line in enumerate(TRAIN.splitlines(), 1) if line.endswith(f"# planted: {how}"))


def check(*arguments: str) -> list[str]:
    return ["check", "--", sys.executable, "train.py", "--out", "{out}", *arguments]


@pytest.mark.parametrize(
    ("how", "path", "cause"),
    [
        ("entropy", "files['metrics.json']['auc']", "OS randomness"),
        ("global", "files['metrics.json']['auc']", "unseeded global generators"),
        ("hash", "files['metrics.json']['tags']", "hash seed"),
        ("imported", "files['metrics.json']['name']", "OS randomness"),
        ("clock", "files['metrics.json']['at']", "clock"),
    ],
)
def test_a_defect_is_told_with_file_key_line_and_cause(
    here: Path, capsys: pytest.CaptureFixture[str], how: str, path: str, cause: str
) -> None:
    assert main(check("--how", how)) == 1
    text = capsys.readouterr().out
    head = text.partition("\n")[0]
    assert head.startswith(f"{cause} at train.py:{line_of(how)}: {path}: ")
    assert head.endswith("; not deterministic")
    assert "\ntrain.py was run again with the same arguments, in a fresh interpreter\n" in text
    assert f"train.py:{line_of(how)} in " in text
    assert "``" not in text


def test_a_deterministic_program_passes_whatever_it_prints(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(check()) == 0
    said = capsys.readouterr().out
    assert said == "the same in 2 runs: 2 files and the exit status\n  metrics.json\n  model.joblib\n"


def test_what_it_prints_is_compared_where_that_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--printed", "--no-diagnose", *check()[1:]]) == 1
    assert capsys.readouterr().out.startswith("printed[0]: ")


def test_files_are_those_that_the_run_has_written(here: Path) -> None:
    (here / "runs").mkdir()
    (here / "runs" / "old.json").write_text("{}", encoding="utf-8")
    os.utime(here / "runs" / "old.json", (1, 1))
    files = assert_program_reproducible("train.py", outputs=["runs/*.json", "runs/*.joblib"])
    assert list(files) == ["runs/metrics.json", "runs/model.joblib"]
    assert files["runs/metrics.json"]["name"] == "constant"
    with pytest.raises(CheckError, match=r"(?s)train\.py has written no file 'old\.json' in .*there is: .*train\.py"):
        assert_program_reproducible("train.py", outputs=["old.json"])


def test_a_flat_script_is_told_with_its_row(here: Path) -> None:
    with pytest.raises(NotReproducible) as caught:
        assert_program_reproducible("flat.py", outputs=["flat.csv"])
    text = str(caught.value)
    assert text.startswith("unseeded global generators at flat.py:2: files['flat.csv']['b'][0]: ")
    assert "flat.py:2 in <module>, variable x differs first" in text


@pytest.mark.parametrize(
    "command", [["-m", "package.train"], ["-m", "package"], ["python", "-m", "package.train"], ["workers.py"]]
)
def test_modules_packages_and_programs_with_workers_are_run(here: Path, command: list[str]) -> None:
    files = assert_program_reproducible(*command, "{out}")
    assert list(files) == ["a.txt"]


def test_a_console_script_is_run(here: Path) -> None:
    (here / "data.json").write_text("{}", encoding="utf-8")
    # One that is installed with any development environment, and prints the same each time.
    files = assert_program_reproducible("pytest", "--version", printed=True, outputs=[])
    assert files == {}


def test_a_pickled_class_of_a_module_that_is_run_is_read(here: Path) -> None:
    (here / "package" / "pickles.py").write_text(
        "import pickle, sys\n\n\nclass Model:\n    def __init__(self):\n        self.weight = 3\n\n\n"
        "with open(sys.argv[1] + '/model.pkl', 'wb') as file:\n    pickle.dump(Model(), file)\n",
        encoding="utf-8",
    )
    assert assert_program_reproducible("-m", "package.pickles", "{out}")["model.pkl"].weight == 3


def test_a_module_is_that_of_the_working_directory_whatever_was_checked_before(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        folder = here / name
        (folder / "shared").mkdir(parents=True)
        (folder / "shared" / "__init__.py").touch()
        script = f"import sys\nopen(sys.argv[1] + '/a.txt', 'w').write('{name}')\n"
        (folder / "shared" / f"{name}.py").write_text(script, encoding="utf-8")
        monkeypatch.chdir(folder)
        assert assert_program_reproducible("-m", f"shared.{name}", "{out}") == {"a.txt": (name,)}
    assert "shared" not in sys.modules


@pytest.mark.parametrize("command", [["run"], ["python", "plain"]])
def test_a_script_needs_no_suffix_where_something_says_that_it_is_python(here: Path, command: list[str]) -> None:
    text = "import sys\nopen(sys.argv[1] + '/a.txt', 'w').write('1')\n"
    (here / "run").write_text(f"#!/usr/bin/env python3\n{text}", encoding="utf-8")
    (here / "plain").write_text(text, encoding="utf-8")
    assert list(assert_program_reproducible(*command, "{out}")) == ["a.txt"]


def test_another_vary_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--vary", "timezone", *check()[1:]]) == 0
    assert "the same in 2 runs, with another timezone: 2 files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (check("--how", "status"), "train.py ended with exit status 3\n"),
        (check("--how", "raise"), "train.py ended with exit status 1; the last that it printed:\n    Traceback"),
        (["check", "--", "train.py"], "train.py: nothing of it would be compared but its exit status\n"),
        (["check", "--", "shell.sh", "{out}"], "shell.sh is no Python program\n"),
        (["check", "--", "trian.py", "{out}"], "there is no file trian.py\n    did you mean `train"),
        (["check", "--", "-m", "pakage", "{out}"], "there is no module `pakage` that can be run\n"),
        (["check", "--", "package", "{out}"], "package is a folder\n"),
        (["check", "--", "python", "-c", "1", "{out}"], "the option -c of python is not supported\n"),
        (["check", "--vary", "clok", *check()[1:]], "vary: there is no source 'clok'\n    did you mean `clock`"),
        (["check", "--replays", "0", *check()[1:]], "replays: a whole number from 1 to 1,000,000 is expected, not 0\n"),
        (["check", "--outputs", "/a.txt", "--", "train.py"], "outputs: '/a.txt' names no file in its folder\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_checked_is_an_error(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith(f"error: {message}")
    assert printed.out == ""


def test_a_command_without_a_program_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", "train.py"])
    assert ended.value.code == 2
    with pytest.raises(SystemExit):
        main(["check"])
    assert "no program is given; expected it after `--`" in capsys.readouterr().err


def test_a_file_that_only_one_run_writes_is_a_difference(here: Path) -> None:
    (here / "sometimes.py").write_text(
        "import os, sys\nfrom pathlib import Path\n"
        "names = {'one', 'two', 'three', 'four', 'five', 'six'}\n"
        "Path(sys.argv[1], next(iter(names)) + '.txt').write_text('')\n",
        encoding="utf-8",
    )
    with pytest.raises(NotReproducible, match=r"^files"):
        assert_program_reproducible("sometimes.py", "{out}", replays=3, diagnose=False)


def test_files_cannot_be_varied_for_a_program_and_what_helps_is_said(here: Path) -> None:
    (here / "plain.py").write_text("print(1)\n", encoding="utf-8")
    with pytest.raises(CheckError, match=r"(?s)vary: `files` cannot be varied for a program.*give it `\{out\}`"):
        assert_program_reproducible("plain.py", printed=True, vary="files")
    with pytest.raises(CheckError, match=r"(?s)there is no source 'file'.*known are hashseed, .* and all"):
        assert_program_reproducible("plain.py", printed=True, vary="file")
    assert_program_reproducible("plain.py", printed=True, vary="all")


def test_one_pattern_and_numbers_may_be_given_as_they_are(here: Path) -> None:
    (here / "counts.py").write_text(
        "import sys\nopen('count.txt', 'w').write(str(int(sys.argv[1]) + 1))\n", encoding="utf-8"
    )
    assert assert_program_reproducible("counts.py", 3, outputs="count.txt") == {"count.txt": ("4",)}
    with pytest.raises(CheckError, match=r"outputs: '\.' names no file in its folder"):
        assert_program_reproducible("counts.py", 3, outputs=["."])


def test_the_fixture_takes_the_options_of_the_session(pytester: pytest.Pytester) -> None:
    for name, text in {"train.py": TRAIN, **OTHERS}.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    pytester.makepyfile(
        test_it=(
            "def test_same(reproducible):\n"
            "    assert list(reproducible.program('train.py', '--out', '{out}')) == ['metrics.json', 'model.joblib']\n"
            "def test_other(reproducible):\n"
            "    reproducible.program('train.py', '--out', '{out}', '--how', 'hash')\n"
        )
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--expops-diagnose=off")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*NotReproducible: files?'metrics.json'??'tags'?: *", "test_it.py:4: *"])
    result.stdout.no_fnmatch_line("*reproducible.py:*")


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_leaves_nothing_behind(here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (here / "slow.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    temporary = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "pytest_expops", "check", "--printed", "--", "slow.py"]
    child = subprocess.Popen(
        command, env={**os.environ, "TMPDIR": str(temporary)}, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not list(temporary.rglob("out")) and time.monotonic() < deadline:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert (child.returncode, said) == (2, "interrupted\n")
    assert list(temporary.iterdir()) == []
