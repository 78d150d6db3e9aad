"""Is this result reproducible? Any function, test or program, and every data partition x random seed of a pipeline.

The public names; each is imported when it is first used, so that importing the package costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_expops.errors import (
        ChangedArgumentWarning,
        CheckError,
        ConfigError,
        ConfigWarning,
        EmptyPartitionWarning,
        ExpopsError,
        ExpopsWarning,
        FingerprintError,
        InputError,
        Location,
        MissingExtra,
        NotReproducible,
        OutputError,
        PartitionError,
        Problem,
        ReadBackWarning,
        ReplayError,
        ReplicaDied,
        ScriptError,
        StabilityError,
        StoreError,
    )
    from pytest_expops.execution.results import Results
    from pytest_expops.execution.seeding.seeders import register_seeder
    from pytest_expops.execution.variations.variation import VariationError
    from pytest_expops.pipeline.config.loader import load_config
    from pytest_expops.pipeline.expansion import expand
    from pytest_expops.pipeline.model import ExpandedPipeline, ExpandedProcess, Pipeline, Process
    from pytest_expops.reproducible import (
        assert_program_reproducible,
        assert_reproducible,
        assert_resumable,
        assert_seed_matters,
    )
    from pytest_expops.stability import assert_seed_stable
    from pytest_expops.values.fingerprint import register

__all__ = [
    "ChangedArgumentWarning",
    "CheckError",
    "ConfigError",
    "ConfigWarning",
    "EmptyPartitionWarning",
    "ExpandedPipeline",
    "ExpandedProcess",
    "ExpopsError",
    "ExpopsWarning",
    "FingerprintError",
    "InputError",
    "Location",
    "MissingExtra",
    "NotReproducible",
    "OutputError",
    "PartitionError",
    "Pipeline",
    "Problem",
    "Process",
    "ReadBackWarning",
    "ReplayError",
    "ReplicaDied",
    "Results",
    "ScriptError",
    "StabilityError",
    "StoreError",
    "VariationError",
    "assert_program_reproducible",
    "assert_reproducible",
    "assert_resumable",
    "assert_seed_matters",
    "assert_seed_stable",
    "expand",
    "load_config",
    "register",
    "register_seeder",
]

_ELSEWHERE = {
    "assert_program_reproducible": "pytest_expops.reproducible",
    "assert_reproducible": "pytest_expops.reproducible",
    "assert_resumable": "pytest_expops.reproducible",
    "assert_seed_matters": "pytest_expops.reproducible",
    "assert_seed_stable": "pytest_expops.stability",
    "expand": "pytest_expops.pipeline.expansion",
    "load_config": "pytest_expops.pipeline.config.loader",
    "ExpandedPipeline": "pytest_expops.pipeline.model",
    "ExpandedProcess": "pytest_expops.pipeline.model",
    "Pipeline": "pytest_expops.pipeline.model",
    "Process": "pytest_expops.pipeline.model",
    "Results": "pytest_expops.execution.results",
    "VariationError": "pytest_expops.execution.variations.variation",
    "register": "pytest_expops.values.fingerprint",
    "register_seeder": "pytest_expops.execution.seeding.seeders",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_ELSEWHERE.get(name, "pytest_expops.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
