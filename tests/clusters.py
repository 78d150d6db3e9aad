"""A Dask cluster of programs of their own: a scheduler and workers, each in a folder of its own, over TLS if asked."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 60.0
"""So long a program may take to do what is waited for, on a machine under load."""
KEY = "0123456789abcdef0123456789abcdef"
"""A key for records of sessions."""


@dataclass
class Program:
    """A scheduler or a worker, in the folder `place`, with its temporary files in `place/tmp`."""

    name: str
    place: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return (self.place / "log").read_text(encoding="utf-8", errors="replace")


@dataclass
class RealCluster:
    """What was started, in `folder`.

    Args:
        folder: for all that is written.
        tls: variables by which all sides use TLS; none for plain TCP.
        variables: more of the environment of workers.
        nanny: whether each worker has a program that starts it again when it dies.
    """

    folder: Path
    tls: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    nanny: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def scheduler_file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        found: str = json.loads(self.scheduler_file.read_text())["address"]
        return found

    def begin(self, workers: int = 2) -> None:
        """Start a scheduler and so many workers, and wait until they have found one another."""
        self.start_scheduler()
        for number in range(workers):
            self.start_worker(f"w{number}")
        self.wait_for_workers(workers)

    def start_scheduler(self) -> Program:
        protocol = ["--protocol", "tls"] if self.tls else []
        file = ["--scheduler-file", str(self.scheduler_file), "--port", "0", "--no-dashboard"]
        program = self._start("scheduler", "scheduler", ["--host", "127.0.0.1", *file, *protocol], {})
        until(lambda: self.scheduler_file.exists() and self.scheduler_file.stat().st_size, program)
        return program

    def start_worker(self, name: str, variables: Mapping[str, str] | None = None, *, resources: str = "") -> Program:
        protocol = ["--protocol", "tls"] if self.tls else []
        own = ["--name", name, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard", "--death-timeout", "120"]
        nanny = ["--nanny" if self.nanny else "--no-nanny", *(["--resources", resources] if resources else [])]
        arguments = ["--scheduler-file", str(self.scheduler_file), "--host", "127.0.0.1", *own, *nanny, *protocol]
        return self._start("worker", name, arguments, self.variables if variables is None else variables)

    def wait_for_workers(self, count: int) -> None:
        workers = [each for name, each in self.programs.items() if name != "scheduler"]
        until(lambda: sum("Registered to" in each.log for each in workers) >= count, *workers)

    def close(self) -> None:
        """End all of them."""
        for program in self.programs.values():
            with suppress(ProcessLookupError):
                os.killpg(program.process.pid, signal.SIGCONT)
                os.killpg(program.process.pid, signal.SIGKILL)
            program.process.wait()

    def _start(self, what: str, name: str, arguments: list[str], variables: Mapping[str, str]) -> Program:
        place = self.folder / name
        (place / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "EXPOPS_"))}
        environment |= {**self.tls, **self.settings, **variables, "TMPDIR": str(place / "tmp")}
        with open(place / "log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", what, *arguments],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
        self.programs[name] = Program(name, place, process)
        return self.programs[name]


def until(what: Callable[[], object], *programs: Program) -> None:
    """Wait until something is so; fail with what the programs have printed if it takes too long, or one has ended."""
    deadline = time.monotonic() + SECONDS
    while not what():
        ended = any(each.process.poll() is not None for each in programs)
        if ended or time.monotonic() > deadline:
            raise AssertionError("\n".join(f"{each.name}: {each.log}" for each in programs))
        time.sleep(0.05)


@contextmanager
def real_cluster(
    folder: Path,
    *,
    tls: bool = False,
    workers: int = 2,
    nanny: bool = False,
    variables: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> Iterator[RealCluster]:
    """Give a cluster whose workers have the key, or just those variables."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {"EXPOPS_CACHE_KEY": KEY} if variables is None else variables
    cluster = RealCluster(folder, certificates(folder) if tls else {}, own, nanny, settings or {})
    try:
        cluster.begin(workers)
        yield cluster
    finally:
        cluster.close()


def certificates(folder: Path) -> dict[str, str]:
    """Write a certificate for this machine, signed by itself; return the variables by which Dask uses it everywhere."""
    import pytest

    pytest.importorskip("cryptography")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    prefix = "DASK_DISTRIBUTED__COMM__"
    found = {f"{prefix}TLS__CA_FILE": str(folder / "cert.pem"), f"{prefix}REQUIRE_ENCRYPTION": "True"}
    for side in ("SCHEDULER", "WORKER", "CLIENT"):
        found[f"{prefix}TLS__{side}__CERT"] = str(folder / "cert.pem")
        found[f"{prefix}TLS__{side}__KEY"] = str(folder / "key.pem")
    return found


OPTIONS = ("--expops-replay=all", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-o", "junit_logging=all")
VOLATILE = ("started", "duration", "worker", "written")


@dataclass
class Seen:
    """What came of a session."""

    code: int
    text: str
    items: Mapping[str, tuple[str, str]]
    """Outcome and message, by item."""
    kept: Path
    report: Path

    def records(self) -> dict[str, dict[str, Any]]:
        """By process, without what may be another each time; for steps, without their seconds."""
        found = {}
        for path in self.kept.rglob("records/*.jsonl"):
            for line in path.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                for name in VOLATILE:
                    record.pop(name, None)
                record["steps"] = [[each for each in step if not isinstance(each, float)] for step in record["steps"]]
                # Which objects of an output are one and the same may differ, and with it the bytes it is stored as.
                record["outputs"] = {name: each["digest"] for name, each in record["outputs"].items()}
                found[record["process"]] = record
        return found

    def verdicts(self) -> dict[str, dict[str, Any]]:
        found = [json.loads(path.read_text(encoding="utf-8")) for path in self.kept.rglob("verdicts/*.json")]
        return {each["process"]: each for each in found}


@dataclass
class Room:
    """A project in a folder, where sessions are run with variables of their own."""

    project: Path
    variables: Mapping[str, str]
    count: int = 0

    def run(self, *arguments: str, variables: Mapping[str, str] | None = None) -> Seen:
        self.count += 1
        kept, report = self.project.parent / f"kept{self.count}", self.project.parent / f"junit{self.count}.xml"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
        environment |= {"OMP_NUM_THREADS": "1", **self.variables, **(variables or {})}
        environment = {name: value for name, value in environment.items() if value}
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--expops-config",
            "configs/project_config.yaml",
            f"--expops-artifacts={kept}",
        ]
        command += [f"--junitxml={report}", "-o", "junit_family=xunit1", "-o", "expops_cache=off", *OPTIONS]
        done = subprocess.run(
            [*command, *arguments],
            cwd=self.project,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
        )
        cases = ET.parse(report).iter("testcase") if report.exists() else []
        return Seen(
            done.returncode, done.stdout, {str(each.get("name")): outcome_of(each) for each in cases}, kept, report
        )


def outcome_of(case: ET.Element) -> tuple[str, str]:
    for tag, word in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            return word, f"{found.get('message', '')}\n{found.text or ''}"
    return "passed", ""


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def on(cluster: RealCluster, store: Path | str) -> list[str]:
    return ["--expops-engine=dask", f"--expops-scheduler={cluster.address}", f"--expops-store={store}"]


def outcomes(seen: Seen) -> dict[str, str]:
    return {name: outcome for name, (outcome, _) in seen.items.items()}
