"""The environment of a run, as far as floating-point results may hang on them: interpreter, processor, libraries."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_expops.execution.provenance._distributions import distribution_of, normal

FINGERPRINTS = "1"
"""Another where the same values have other fingerprints than with an earlier version of this package."""

_NUMERIC = frozenset(
    {
        "bottleneck",
        "cupy",
        "intel-openmp",
        "jax",
        "jaxlib",
        "joblib",
        "keras",
        "lightgbm",
        "llvmlite",
        "mkl",
        "ml-dtypes",
        "numba",
        "numexpr",
        "numpy",
        "nvidia-cublas-cu12",
        "nvidia-cudnn-cu12",
        "opt-einsum",
        "pandas",
        "polars",
        "pyarrow",
        "scikit-learn",
        "scipy",
        "statsmodels",
        "tensorflow",
        "tensorflow-cpu",
        "threadpoolctl",
        "tokenizers",
        "torch",
        "torchvision",
        "transformers",
        "triton",
        "xgboost",
        "xgboost-cpu",
    }
)
"""Of what a library requires, those that numbers may hang on."""
_USED_WHERE_THERE = {"pandas": ("bottleneck", "numexpr", "pyarrow")}
"""What a library does not require, yet computes or stores with where it is installed."""
_ON_GPU = frozenset({"cupy", "jax", "keras", "lightgbm", "tensorflow", "torch", "xgboost"})
_FLAGS = re.compile(r"^(sse|ssse|avx|fma|f16c|amx|sve|asimd|neon|fp16|bf16|i8mm)")
_VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG",
    "MKL_CBWR",
    "MKL_NUM_THREADS",
    "NPY_DISABLE_CPU_FEATURES",
    "OMP_NUM_THREADS",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "TF_DETERMINISTIC_OPS",
    "TF_ENABLE_ONEDNN_OPTS",
)

Environment = Mapping[str, Any]
"""By name: `python`, `platform`, `cpu`, `features`, `cores`, `blas`, `gpu` and `variables` where there are any, the
version of `fingerprints`, all as text, and `libraries`, the versions by distribution."""


def environment_of(modules: Iterable[str]) -> Environment:
    """Return the environment of this interpreter, for a project that imports these top-level modules."""
    libraries = _libraries(frozenset(modules) | {"numpy"})
    found: dict[str, Any] = {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": _platform(),
        **_processor(),
        "blas": _blas(),
        "fingerprints": FINGERPRINTS,
    }
    if not _ON_GPU.isdisjoint(libraries):
        found["gpu"] = _gpu()
    variables = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    if variables:
        found["variables"] = " ".join(f"{name}={value}" for name, value in variables.items())
    return {**{name: value for name, value in found.items() if value}, "libraries": dict(sorted(libraries.items()))}


def _platform() -> str:
    """``Linux x86_64, glibc 2.36``: the C library computes exponentials and logarithms."""
    library = " ".join(platform.libc_ver()).strip()
    return f"{platform.system()} {platform.machine()}{f', {library}' if library else ''}"


def _processor() -> dict[str, str]:
    """Linear algebra chooses its code by model, flags and the number of cores."""
    fields: dict[str, str] = {}
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    for line in text.split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    features = sorted({flag for flag in flags if _FLAGS.match(flag)}) or _numpy_features()
    return {
        "cpu": " ".join((fields.get("model name") or platform.processor() or platform.machine()).split()),
        "features": " ".join(features),
        "cores": str(cores()),
    }


def _numpy_features() -> list[str]:
    extensions = _built().get("SIMD Extensions", {})
    return sorted({*extensions.get("baseline", ()), *extensions.get("found", ())})


def _built() -> dict[str, Any]:
    """Return what NumPy says of how it was built."""
    found: Any = np.show_config(mode="dicts")
    return found if isinstance(found, dict) else {}


def cores() -> int:
    """Return how many processors this process may use, which is how many threads most libraries start."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _blas() -> str:
    found = _built().get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', '')} {found.get('version', '')}".strip()


def _gpu() -> str:
    """Return models and driver, as the driver itself reports; no library is asked, which would start it."""
    models = []
    for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        found = re.search(r"^Model:\s*(.+)$", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        models += [found[1].strip()] if found else []
    if not models:
        return ""
    try:
        version = re.search(r"Module +(\S+)|Module .*? (\d[\d.]+)", Path("/proc/driver/nvidia/version").read_text())
    except OSError:
        version = None
    driver = next((each for each in version.groups() if each), "") if version else ""
    return ", ".join(models) + (f", driver {driver}" if driver else "")


def _libraries(modules: frozenset[str]) -> dict[str, str]:
    """Return versions of the distributions of these modules, and of the numeric ones among what they require."""
    direct = {name for module in modules if (name := distribution_of(module)) is not None}
    found: dict[str, str] = {}
    stack, seen = sorted(direct), set()
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if name in direct or name in _NUMERIC:
            found[name] = distribution.version
        stack += _USED_WHERE_THERE.get(name, ())
        stack += [normal(each) for each in distribution.requires or () if "extra ==" not in each]
    return found


def required(modules: Iterable[str]) -> dict[str, str]:
    """Return the versions of the distributions of these top-level modules, and of all that they require."""
    stack = [name for module in sorted(modules) if (name := distribution_of(module)) is not None]
    found: dict[str, str] = {}
    while stack:
        name = stack.pop()
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        stack += _USED_WHERE_THERE.get(name, ())
        stack += [normal(each) for each in distribution.requires or () if "extra ==" not in each]
    return found
