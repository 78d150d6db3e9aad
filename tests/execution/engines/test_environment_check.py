"""What workers have otherwise than the session they work for is told in full, and nothing that may differ."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.engines import environment_check
from pytest_expops.execution.engines.environment_check import described, differing, machine, refusal

HERE: dict[str, Any] = {
    "python": "3.11.7",
    "implementation": "CPython",
    "platform": "Linux x86_64, glibc 2.36",
    "pytest_expops": "0.1.0",
    "blas": "scipy-openblas 0.3.27",
    "distributions": {"numpy": "2.1.0", "pandas": "2.2.3", "xgboost": "2.1.1"},
    "processor": "AMD EPYC 9R14",
    "features": "avx2",
    "cores": "8",
    "host": "head",
    "boot": "1",
}


def other(**changed: Any) -> dict[str, Any]:
    return {**HERE, **changed}


def with_versions(**changed: str | None) -> dict[str, Any]:
    found = {**HERE["distributions"], **changed}
    return other(distributions={name: each for name, each in found.items() if each is not None})


def test_this_interpreter_is_described_in_plain_data() -> None:
    found = described(["sklearn", "json", "no_such_module"])
    assert json.loads(json.dumps(found)) == found
    assert found.keys() == HERE.keys()
    assert (found["python"], found["implementation"]) == (platform.python_version(), "CPython")
    assert found["platform"].startswith(f"{platform.system()} {platform.machine()}")
    assert found["pytest_expops"] == version("pytest-expops")
    libraries = found["distributions"]
    assert {name: version(name) for name in libraries} == libraries
    assert {"scikit-learn", "scipy", "joblib", "numpy", "pandas", "cloudpickle", "xxhash"} <= libraries.keys()
    assert "scikit-learn" not in described([])["distributions"]
    assert found["host"] == platform.node()
    assert found["processor"]


def test_another_process_of_the_same_interpreter_has_no_difference() -> None:
    code = f"import json; from {environment_check.__name__} import described; print(json.dumps(described(['sklearn'])))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    there = json.loads(done.stdout)
    assert differing(described(["sklearn"]), there) == []
    assert machine(there) == machine(described([]))


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        (with_versions(numpy="2.0.2"), ["numpy 2.1.0 here, 2.0.2 there"]),
        (with_versions(xgboost=None), ["xgboost 2.1.1 here, not installed there"]),
        (with_versions(pyarrow="15.0"), ["pyarrow not installed here, 15.0 there"]),
        (other(python="3.12.1"), ["Python 3.11.7 here, 3.12.1 there"]),
        (other(implementation="PyPy"), ["CPython here, PyPy there"]),
        (
            other(platform="Linux aarch64, glibc 2.36"),
            ["Linux x86_64, glibc 2.36 here, Linux aarch64, glibc 2.36 there"],
        ),
        (other(pytest_expops="0.2.0"), ["pytest-expops 0.1.0 here, 0.2.0 there"]),
        (other(blas="mkl 2024.1"), ["the linear algebra of NumPy: scipy-openblas 0.3.27 here, mkl 2024.1 there"]),
        (
            {**with_versions(numpy="2.0.2", pandas="2.2.0"), "python": "3.12.1"},
            ["Python 3.11.7 here, 3.12.1 there", "numpy 2.1.0 here, 2.0.2 there", "pandas 2.2.3 here, 2.2.0 there"],
        ),
        (
            {"python": "3.11.7", "implementation": "CPython"},  # of another version of this package
            [
                "Linux x86_64, glibc 2.36 here, not known there",
                "pytest-expops 0.1.0 here, not known there",
                "the linear algebra of NumPy: scipy-openblas 0.3.27 here, not known there",
                "numpy 2.1.0 here, not installed there",
                "pandas 2.2.3 here, not installed there",
                "xgboost 2.1.1 here, not installed there",
            ],
        ),
        (other(), []),
        (other(processor="Intel Xeon", features="avx512f", cores="64", host="node7", boot="2"), []),
    ],
)
def test_each_difference_that_counts_is_a_line(there: dict[str, Any], expected: list[str]) -> None:
    assert differing(HERE, there) == expected


def test_the_place_can_be_named() -> None:
    there = with_versions(numpy="2.0.2", xgboost=None)
    assert differing(HERE, there, "on worker tcp://10.0.0.7:41001") == [
        "numpy 2.1.0 here, 2.0.2 on worker tcp://10.0.0.7:41001",
        "xgboost 2.1.1 here, not installed on worker tcp://10.0.0.7:41001",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("AMD EPYC 9R14 96-Core Processor", "AMD EPYC 9R14"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", "Intel Xeon Platinum 8375C"),
        ("Intel(R) Core(TM) i7-1185G7 @ 3.00GHz", "Intel Core i7-1185G7"),
        ("AMD Ryzen 7 5700U with Radeon Graphics", "AMD Ryzen 7 5700U"),
        ("aarch64", "aarch64"),
        ("Processor", "Processor"),
        ("", "a processor without a name"),
    ],
)
def test_a_processor_is_told_without_noise(name: str, words: str) -> None:
    assert machine(other(processor=name))[1] == words


def test_containers_on_one_machine_are_one_and_machines_of_one_name_are_two() -> None:
    here = machine(HERE)[0]
    assert machine(other(host="container"))[0] == here
    assert machine(other(boot="2"))[0] != here
    without = machine(other(boot=""))[0]
    assert without not in {here, machine(other(boot="", host="1"))[0]}
    assert machine(other(boot="", host="1"))[0] != machine(other(boot="1"))[0]  # never one for the other


def test_the_boot_id_is_that_of_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boot_id").write_text("some-id\n")
    monkeypatch.setattr(environment_check, "_BOOT", str(tmp_path / "boot_id"))
    assert described([])["boot"] == "some-id"
    os.unlink(tmp_path / "boot_id")
    assert described([])["boot"] == ""


def test_workers_with_the_same_differences_are_one_paragraph() -> None:
    others = {f"tcp://10.0.0.{number:02}:1": with_versions(numpy="2.0.2", xgboost=None) for number in range(50)}
    others |= {"tcp://1.0.0.1:1": other(python="3.12.1"), "tcp://10.0.1.2:1": other()}
    assert refusal(HERE, others) == (
        "51 of 52 workers have another Python or other libraries:\n"
        "  tcp://10.0.0.00:1, tcp://10.0.0.01:1, tcp://10.0.0.02:1 and 47 more:\n"
        "    numpy 2.1.0 here, 2.0.2 there\n"
        "    xgboost 2.1.1 here, not installed there\n"
        "  tcp://1.0.0.1:1:\n"
        "    Python 3.11.7 here, 3.12.1 there\n"
        "fix: install the same there as here; `--expops-engine-environment=warn` goes on all the same, and results may "
        "differ by it"
    )


def test_one_worker_is_told_in_the_singular() -> None:
    text = refusal(HERE, {"tcp://a:1": other(python="3.12.1")})
    assert text.splitlines()[0] == "1 of 1 worker has another Python or other libraries:"


def test_nothing_is_refused_where_nothing_differs() -> None:
    assert refusal(HERE, {"tcp://a:1": other(cores="1"), "tcp://b:1": other()}) == ""
    assert refusal(HERE, {}) == ""


def test_the_message_stays_short() -> None:
    many = {f"library-{number:03}": "1" for number in range(200)}
    others = {
        f"tcp://10.0.0.{number:02}:1": other(distributions={**many, "numpy": str(number)}) for number in range(40)
    }
    lines = refusal(HERE, others).splitlines()
    each = environment_check.MOST_LINES + 2
    assert len(lines) == 1 + environment_check.MOST_GROUPS * each + 2
    assert lines[each] == "    and 191 more differences"
    assert lines[-2] == "  and 35 more workers with other differences"
    assert lines[-1].startswith("fix: ")
