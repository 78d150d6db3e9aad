"""What is known, before a process runs, of all that its result is made from; one text for each, by what it is.

What the text of the code does not show (files that it opens, variables that it reads) is known after a run only: see
`_used.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pytest_expops.execution.calls.inputs import Outputs, receive
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.execution.provenance.environments import environment_of, required
from pytest_expops.execution.provenance.provenance import Provenance
from pytest_expops.execution.records import Outcome, RunRecord
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.model import Process

Parts = Mapping[str, str]
"""By what it is (``parameter lr``, ``code models/model.py:train``), a digest of it or, where it is short, itself."""

VERSION = "1"
"""Another where what is kept, or what it is kept under, has another form than before."""

_NO_PART = frozenset(
    {
        "name",
        "location",
        "parameters",
        "upstream",
        "timeout",
        "memory",
        "resources",
        "isolate",
        "not_replayed",
        "stability",
        "properties",
    }
)
"""What a process has that its result does not depend on, or that is a part of its own."""
_SPLITS = ("its `split_data` in the config", "its `split_seeds` in the config")
"""Parts that say what becomes of inputs after they were passed on."""
_VARIABLES = ("LANG", "LANGUAGE", "TZ")
_PREFIXES = ("LC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NPY_", "CUDA_", "CUBLAS_", "TF_")
_PREFIXES_OF = {"torch": ("TORCH", "PYTORCH_"), "scikit-learn": ("SKLEARN_",), "jax": ("JAX_", "XLA_")}
_PYTHON = ("PYTHONOPTIMIZE", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONPATH", "PYTHONHOME", "PYTHONINTMAXSTRDIGITS")


class MadeFrom:
    """Asked of what one session runs; what several processes have in common is found once.

    `besides` is what else all results depend on, such as which warnings are errors. `record_of` gives the record of a
    process upstream, if there is one.
    """

    def __init__(
        self,
        session: PipelineSession,
        besides: Parts,
        variables: Mapping[str, str],
        record_of: Callable[[str], RunRecord | None],
    ) -> None:
        self.provenance = Provenance(session)
        self._record_of = record_of
        self._expanded = session.expanded
        self._besides = besides
        self._variables = variables
        self._of_process: dict[str, dict[str, str]] = {}
        self._machine: dict[str, str] | None = None

    def parts(self, name: str) -> Parts | None:
        """Return what `name` is made from; None while something upstream has no result."""
        each = self._expanded[name]
        inputs = self._inputs(name)
        if inputs is None:
            return None
        own = {
            "its name": name,
            "its partitions": text_of(each.partitions),
            "its seeds": text_of(each.seeds),
            "the base seed": str(self._expanded.pipeline.base_seed),
        }
        return {**own, **inputs, **self._process(each.process), **self._common()}

    def code_of(self, process: Process, modules: tuple[str, ...]) -> Mapping[str, str]:
        """Return digests of the code that counts only because these modules were seen to be imported."""
        known = self.provenance.code(process)
        return {key: each for key, each in self.provenance.code(process, modules).items() if known.get(key) != each}

    def files_named(self, name: str) -> tuple[str, ...]:
        """Return the files that its parameters and its code name: it may read them where nobody hears it."""
        return self.provenance.paths_named(self._expanded[name])

    def _inputs(self, name: str) -> dict[str, str] | None:
        found: dict[str, str] = {}
        missing = False

        def load(upstream: str, partition: Partition | None = None, /) -> Outputs:
            nonlocal missing
            digests = self._given_by(upstream)
            if digests is None:
                missing = True
                return {}
            cut = (partition.split.size, partition.split.data_name, partition.index) if partition else ()
            label = (
                f"the input from {upstream}" if partition is None else f"partition {partition.index + 1} of {upstream}"
            )
            found[label] = digest_of([digests, text_of(cut)])
            return {}

        receive(self._expanded[name], self._expanded, load)
        return None if missing else found

    def _given_by(self, upstream: str) -> list[tuple[str, str]] | None:
        """Return what tells outputs from others: for inputs that are passed on, themselves and how they are joined."""
        process = self._expanded[upstream].process
        if self.provenance.passes_on(process):
            inputs = self._inputs(upstream)
            how = {part: each for part, each in self._process(process).items() if part not in _SPLITS}
            return None if inputs is None else sorted({**how, **inputs}.items())
        record = self._record_of(upstream)
        if record is None or record.outcome is not Outcome.PASSED:
            return None
        return sorted((key, output.digest) for key, output in record.outputs.items())

    def _process(self, process: Process) -> dict[str, str]:
        if process.name not in self._of_process:
            found = {f"the code of {key}": each for key, each in self.provenance.code(process).items()}
            parameters = {**self._expanded.pipeline.parameters, **process.parameters}
            found |= {f"the parameter {key}": digest_of(text_of(value)) for key, value in parameters.items()}
            kept = {each.name for each in dataclasses.fields(process)} - _NO_PART
            found |= {f"its `{key}` in the config": digest_of(text_of(getattr(process, key))) for key in sorted(kept)}
            self._of_process[process.name] = found
        return self._of_process[process.name]

    def _common(self) -> dict[str, str]:
        if self._machine is None:
            pipeline = self._expanded.pipeline
            libraries = self.provenance.libraries()
            environment = environment_of(libraries)
            versions = required(libraries)
            places = (pipeline.root, pipeline.working_directory, pipeline.workspace)
            self._machine = {
                "the version of pytest-expops": f"{importlib.metadata.version('pytest-expops')} {VERSION}",
                "the folder of the project": " ".join(map(os.path.realpath, places)),
                "the options of Python": f"{sys.version} -O{sys.flags.optimize}",
                **{f"the {key} of the machine": str(each) for key, each in environment.items() if key != "libraries"},
                **{f"the version of {key}": each for key, each in sorted(versions.items())},
                **self._of_variables(versions),
                **self._besides,
            }
        return self._machine

    def _of_variables(self, libraries: Iterable[str]) -> dict[str, str]:
        prefixes = [*_PREFIXES]
        for library in libraries:
            prefixes += _PREFIXES_OF.get(library, (f"{library.upper().replace('-', '_')}_",))
        return {
            f"the variable {name}": digest_of(value)
            for name, value in sorted(self._variables.items())
            if name in (*_VARIABLES, *_PYTHON) or name.startswith(tuple(prefixes))
        }


def key_of(parts: Parts) -> str:
    """Return the key of a result that is made from these parts: 32 hex digits of a SHA-256."""
    return digest_of(sorted(parts.items()))


def digest_of(value: Any) -> str:
    """Return 32 hex digits of the SHA-256 of plain data."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def text_of(value: Any) -> str:
    """Return a text that two values of a config have in common only where they are equal and of one type.

    The places in the config at which they stand do not count.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        inner = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.compare}
        return f"{type(value).__name__}{text_of(inner)}"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{text_of(key)}:{text_of(each)}" for key, each in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(text_of, value)) + "]"
    return f"{type(value).__name__} {value!r}"
