"""What a failed replay says of operations of PyTorch without a fixed order, where the cause is not known."""

from __future__ import annotations

import pytest

from tests.conftest import Outcome, Project

pytestmark = pytest.mark.ml

SCRIPT = """
    import subprocess

    import numpy as np
    import torch

    def start(data):
        return {}

    def unknown(data):
        # Where nothing holds it fixed.
        noise = subprocess.run(["head", "-c8", "/dev/urandom"], capture_output=True).stdout
        sums = torch.zeros(3).index_add(0, torch.tensor([0, 1, 1]), torch.ones(3))
        return {"noise": noise.hex(), "sums": sums}

    def known(data):
        sums = torch.zeros(3).index_add(0, torch.tensor([0, 1, 1]), torch.ones(3))
        return {"noise": np.random.default_rng().normal(), "sums": sums}
"""


def run(project: Project, name: str) -> Outcome:
    pytest.importorskip("torch")
    project.write(f"start {name}", SCRIPT, {"start": {"seed_parallelism": {"seeds": [7]}}})
    return project.run("--expops-diagnose-timeout=600", diagnose=True)


def test_they_are_named_as_seen_and_not_as_the_cause(project: Project) -> None:
    message = run(project, "unknown").message("unknown_seed7[replay]")
    assert (
        "seen:   operations of PyTorch that may have no fixed order on CUDA:\n"
        "            models/model.py:13 index_add: nondeterministic when called on CUDA tensor, says PyTorch's "
        "documentation; here on the CPU\n"
        "        this was seen in one more run, and not shown to be the cause\n"
    ) in message
    assert "use_deterministic_algorithms" not in message
    assert "why:    not attributed\n" in message


def test_where_the_cause_is_known_they_are_not_named(project: Project) -> None:
    message = run(project, "known").message("known_seed7[replay]")
    assert "why:    the operating system's randomness\n" in message
    assert "PyTorch" not in message
