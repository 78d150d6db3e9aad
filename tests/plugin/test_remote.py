"""Results that several machines share: signed, and never executed where they are not."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.plugin.options.cache import KEY_VARIABLE
from tests.conftest import Outcome, Project
from tests.s3_server import BUCKET, s3_server

KEY = "0123456789abcdef0123456789abcdef"
SCRIPT = "import numpy as np\ndef f(data):\n    return {'x': np.arange(10_000.0)}\n"


class Machines:
    """Sessions on machines that share nothing but a URL: between two, what is beside the config is removed."""

    def __init__(self, project: Project, url: str) -> None:
        self.project = project
        self.url = url
        project.write("f", SCRIPT)

    def run(self, *args: str, audit: str = "none", subprocess: bool = False) -> Outcome:
        shutil.rmtree(self.project.root / "configs/.expops_cache", ignore_errors=True)
        options = [f"--expops-cache={self.url}", f"--expops-cache-audit={audit}", "--expops-replay=all"]
        return self.project.run(*options, *args, subprocess=subprocess)


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared")


@pytest.fixture
def machines(project: Project, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Machines:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    return Machines(project, f"file://{shared}")


def reused(outcome: Outcome) -> bool:
    assert outcome.where("passed") == {"f", "f[replay]"}, outcome.text
    return "reused 1 of 1" in outcome.text


def test_what_one_machine_has_kept_another_reuses(machines: Machines) -> None:
    first = machines.run()
    assert f"expops: results are shared at {machines.url}\n" in first.text
    assert not reused(first)
    assert reused(machines.run())
    assert reused(machines.run("-n2"))


def test_what_is_signed_with_another_key_is_not_used(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    machines.run()
    monkeypatch.setenv(KEY_VARIABLE, KEY[::-1])
    outcome = machines.run()
    assert not reused(outcome)
    told = f"not used of the results that are kept at {machines.url}: 1 not signed with this EXPOPS_CACHE_KEY"
    assert outcome.text.count(told) == 1


@pytest.mark.parametrize("key", ["", "short"])
def test_without_a_key_a_shared_store_is_refused(machines: Machines, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    outcome = machines.run()
    assert outcome.ret == pytest.ExitCode.USAGE_ERROR
    assert re.search("--expops-cache: 'file:.*is shared with others, and the environment variable", outcome.text)
    assert "they are executed when they are read" in outcome.text
    assert "secrets.token_hex(32)" in outcome.text


class Mischief:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_an_artifact_that_was_exchanged_is_not_executed(machines: Machines, shared: Path, tmp_path: Path) -> None:
    machines.run()
    (artifact,) = (shared / "artifacts").iterdir()
    artifact.write_bytes(pickle.dumps(Mischief(tmp_path / "executed")))
    outcome = machines.run()
    assert not reused(outcome)
    assert "1 with an artifact that is not the one that was signed" in outcome.text
    assert "a kept result was damaged" not in outcome.text
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("variable", ["GITHUB_EVENT_NAME=pull_request", "CI_MERGE_REQUEST_IID=7"])
def test_a_pull_request_only_reads(
    machines: Machines, shared: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(*variable.split("="))
    outcome = machines.run()
    assert f"results are shared at {machines.url}, which is only read\n" in outcome.text
    assert not any(shared.iterdir())


def test_it_is_only_read_if_that_is_asked_for(machines: Machines, shared: Path) -> None:
    machines.run("--expops-cache-read-only")
    assert not any(shared.iterdir())


def test_what_an_audit_finds_wrong_is_said_to_be_left_where_it_is_only_read(machines: Machines, shared: Path) -> None:
    count = machines.project.root / "count"
    count.write_text("1")
    code = "import ctypes\nlibc = ctypes.CDLL(None)\n"  # it asks for a file where nobody hears it
    code += f"def f(data):\n    return {{'x': libc.access(b'/tmp/' + b'../{count}', 0)}}\n"
    machines.project.write("f", code)
    machines.run()
    count.unlink()
    outcome = machines.run("--expops-cache-read-only", audit="all")
    assert outcome.where("failed") == {"f"}, outcome.text
    assert f"removed here, but not at {machines.url}, where it may be, too" in outcome.message("f")
    assert list(shared.glob("entries/*/*"))


def test_no_secret_of_the_url_is_in_a_report(machines: Machines, tmp_path: Path) -> None:
    machines.url = "memory://name:pa55word@expops/a"
    outcome = machines.run(f"--expops-report={tmp_path}/report.json")
    assert not reused(outcome)
    assert "expops: results are shared at memory://expops/a\n" in outcome.text
    report = (tmp_path / "report.json").read_text()
    assert "memory://expops/a" in report
    assert "pa55word" not in report + outcome.text


def test_a_server_that_fails_fails_no_test_and_is_told_once(machines: Machines, shared: Path) -> None:
    shared.rmdir()
    shared.write_text("no folder")
    outcome = machines.run()
    assert not reused(outcome)
    assert outcome.text.count(f"{machines.url} was not used any longer: ") == 1


def test_what_is_not_installed_is_named(machines: Machines) -> None:
    machines.url = "gs://bucket/expops"
    pytest.importorskip("fsspec")
    try:
        import gcsfs  # type: ignore[import-not-found] # noqa: F401
    except ImportError:
        assert "to install it: pip install gcsfs" in machines.run().text


@pytest.mark.s3
class TestS3:
    """A real server of S3, over HTTP."""

    @pytest.fixture
    def bucket(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with s3_server(monkeypatch):
            yield f"s3://{BUCKET}/expops"

    def test_what_one_machine_has_kept_another_reuses(
        self, project: Project, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        machines = Machines(project, bucket)
        assert not reused(machines.run("-n2", subprocess=True))
        assert reused(machines.run("-n2", subprocess=True))

    def test_a_pull_request_reuses_and_writes_nothing(
        self, project: Project, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        machines = Machines(project, bucket)
        machines.run(subprocess=True)
        files = pytest.importorskip("s3fs").S3FileSystem(endpoint_url=os.environ["FSSPEC_S3_ENDPOINT_URL"])
        before = files.find("results")
        monkeypatch.setenv("GITHUB_EVENT_NAME", "pull_request")
        assert reused(machines.run(subprocess=True))
        project.write("f", SCRIPT.replace("10_000", "20_000"))
        assert not reused(machines.run(subprocess=True))
        files.invalidate_cache()
        assert files.find("results") == before != []

    def test_a_server_that_is_gone_fails_no_test(
        self, project: Project, bucket: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(KEY_VARIABLE, KEY)
        monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", "http://127.0.0.1:9")
        machines = Machines(project, bucket)
        outcome = machines.run(subprocess=True)  # fsspec reads its variables once
        assert not reused(outcome)
        assert f"{bucket} was not used any longer: " in outcome.text
