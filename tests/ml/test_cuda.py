"""PyTorch on CUDA: its streams are seeded and put back, and kernels without a fixed order are found and named.

These need a machine with CUDA, and are skipped elsewhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from pytest_expops.execution.seeding.task_seeds import seeded
from pytest_expops.replay.nondeterminism.torch_alerts import noting_alerts
from tests.conftest import Outcome, Project

pytestmark = [pytest.mark.ml, pytest.mark.cuda]

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}

SCRIPT = """
    import os

    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"

    import torch

    torch.use_deterministic_algorithms(DETERMINISTIC)
    torch.backends.cudnn.benchmark = not DETERMINISTIC

    def start(data):
        return {}

    def train(data):
        layers = torch.nn.Conv2d(3, 16, 3), torch.nn.Flatten(), torch.nn.Dropout(0.2), torch.nn.Linear(3136, 4)
        model = torch.nn.Sequential(*layers).cuda()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(20):
            loss = model(torch.randn(64, 3, 16, 16, device="cuda")).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {"weights": {name: each.cpu() for name, each in model.state_dict().items()}}

    def add(data):
        values = torch.randn(4_000_000, device="cuda")
        index = torch.randint(10, (4_000_000,), device="cuda")
        return {"sums": torch.zeros(10, device="cuda").index_add(0, index, values).cpu()}

    def scatter(data):
        values = torch.randn(4_000_000, device="cuda")
        index = torch.randint(10, (4_000_000,), device="cuda")
        return {"sums": torch.zeros(10, device="cuda").scatter_add(0, index, values).cpu()}
"""


@pytest.fixture
def torch() -> Any:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    return torch


def run(project: Project, name: str, *, deterministic: bool, diagnose: bool = False) -> Outcome:
    project.write(f"start {name}", SCRIPT.replace("DETERMINISTIC", str(deterministic)), SEEDS)
    return project.run("--expops-replays=3", subprocess=True, diagnose=diagnose)


def test_the_streams_of_a_device_depend_on_the_seed_alone(torch: Any) -> None:
    def drawn(seed: int) -> list[float]:
        with seeded(seed):
            values: list[float] = torch.rand(4, device="cuda").tolist()
        return values

    first = drawn(1)
    torch.rand(7, device="cuda")
    assert drawn(1) == first != drawn(2)


def test_the_streams_of_the_session_go_on_as_if_nothing_had_been(torch: Any) -> None:
    torch.cuda.manual_seed_all(5)
    expected = [torch.rand(2, device="cuda").tolist() for _ in range(2)]
    torch.cuda.manual_seed_all(5)
    obtained = [torch.rand(2, device="cuda").tolist()]
    with seeded(1):
        torch.rand(100, device="cuda")
    assert [*obtained, torch.rand(2, device="cuda").tolist()] == expected


def test_a_seed_holds_where_the_process_is_the_first_to_use_the_device(torch: Any) -> None:
    text = (
        "import torch; from pytest_expops.execution.seeding.task_seeds import seeded\n"
        "assert not torch.cuda.is_initialized()\n"
        "with seeded(1): print(torch.rand(4, device='cuda').tolist())"
    )
    printed = {subprocess.check_output([sys.executable, "-c", text], text=True) for _ in range(2)}
    with seeded(1):
        expected = torch.rand(4, device="cuda").tolist()
    assert printed == {f"{expected}\n"}


@pytest.mark.parametrize("name", ["train", "add", "scatter"])
def test_deterministic_kernels_replay(torch: Any, project: Project, name: str) -> None:
    assert run(project, name, deterministic=True).where("failed") == set()


@pytest.mark.parametrize(("name", "operation"), [("add", "index_add"), ("scatter", "scatter_add")])
def test_sums_without_a_fixed_order_are_caught_and_named(
    torch: Any, project: Project, name: str, operation: str
) -> None:
    outcome = run(project, name, deterministic=False, diagnose=True)
    assert outcome.where("failed") == {f"{name}_seed7[replay]"}
    message = outcome.message(f"{name}_seed7[replay]")
    line = next(number for number, each in enumerate(SCRIPT.split("\n"), 1) if f".{operation}(" in each)
    assert f"models/model.py:{line} {operation}: nondeterministic when called on " in message
    assert "says PyTorch's documentation; here on CUDA" in message
    assert "fix: torch.use_deterministic_algorithms(True)" in message


def test_convolutions_of_cudnn_are_named(torch: Any) -> None:
    with noting_alerts(lambda file: file == __file__) as alerts:
        torch.nn.functional.conv2d(torch.rand(1, 1, 8, 8, device="cuda"), torch.rand(1, 1, 3, 3, device="cuda"))
        (site,) = alerts()
    assert site.what.startswith("conv2d: nondeterministic when called on CUDA tensor")


@pytest.mark.parametrize("workspace", ["", ":4096:8"])
def test_cublas_is_named_unless_its_workspace_is_set(torch: Any, workspace: str, tmp_path: Any) -> None:
    """PyTorch reads the variable once in a process."""
    script = tmp_path / "script.py"
    script.write_text(
        "import torch\n"
        "from pytest_expops.replay.nondeterminism.torch_alerts import noting_alerts\n"
        "with noting_alerts(lambda file: file == __file__) as alerts:\n"
        "    torch.rand(64, 64, device='cuda') @ torch.rand(64, 64, device='cuda')\n"
        "    print([site.what for site in alerts()])\n",
        encoding="utf-8",
    )
    environment = {name: value for name, value in os.environ.items() if name != "CUBLAS_WORKSPACE_CONFIG"}
    if workspace:
        environment["CUBLAS_WORKSPACE_CONFIG"] = workspace
    printed = subprocess.check_output([sys.executable, str(script)], text=True, env=environment)
    assert ("cuBLAS: PyTorch warns" in printed) is not bool(workspace)
