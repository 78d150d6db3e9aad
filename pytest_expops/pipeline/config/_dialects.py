"""Classic and current spelling become one `Pipeline`; nothing past here knows which it was (S1.2).

Where the pipeline stands decides the spelling, and with it how functions are called; every other key is read in either
spelling, wherever it stands.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._adjacency import Adjacency, read_adjacency
from pytest_expops.pipeline.config._document import Document, MapEntry, MapNode
from pytest_expops.pipeline.config._processes import charts_only_reported, list_processes, read_process
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, entries_of, parameters
from pytest_expops.pipeline.config._reproducibility import Reproducibility, read_reproducibility
from pytest_expops.pipeline.config._scripts import Scripts, read_scripts
from pytest_expops.pipeline.config.charts import read_reported
from pytest_expops.pipeline.config.project import Project
from pytest_expops.pipeline.config.validation import check_mentions, read_edges, without_repeats
from pytest_expops.pipeline.files import DISK, Disk
from pytest_expops.pipeline.model import Pipeline, Process
from pytest_expops.pipeline.problems import Problems, in_file_order

_CLASSIC = "model.parameters.pipeline"
_NOT_PARAMETERS = ("pipeline", "cache")


@dataclasses.dataclass(frozen=True, slots=True)
class _Sections:
    """The maps of a config that either spelling keeps things in."""

    top: MapNode
    model_parameters: MapNode | None
    experiment: MapNode | None
    experiment_parameters: MapNode | None
    reporting: MapNode | None


def read_pipeline(document: Document, problems: Problems, files: Disk = DISK) -> Pipeline:
    """Translate a document; errors are noted in `problems`, beside which the pipeline returned is a stand-in."""
    reader = Reader(problems)
    sections = _sections(document.root, reader)
    project = Project.of(problems.path, files)
    scripts = read_scripts(sections.top, sections.model_parameters, sections.reporting, project, reader)
    reproducibility = read_reproducibility(reader.section(sections.top, "reproducibility"), reader)
    base_parameters = _parameters(sections, reader)
    processes = _processes(document, sections, scripts, reproducibility, reader)
    return Pipeline(
        path=Path(os.path.abspath(problems.path)),
        root=project.root,
        workspace=project.workspace,
        working_directory=project.working_directory,
        scripts=scripts.paths,
        base_seed=reproducibility.base_seed,
        parameters=base_parameters,
        processes=processes,
        document=document.root.plain,
        warnings=in_file_order(problems.warnings),
    )


def _sections(top: MapNode, reader: Reader) -> _Sections:
    model = reader.section(top, "model")
    model_parameters = reader.section(model, "parameters")
    experiment = reader.section(top, "experiment")
    for node, known, where in [
        (top, vocabulary.TOP_LEVEL, "at the top level"),
        (model, vocabulary.MODEL, "of `model`"),
        (model_parameters, vocabulary.MODEL_PARAMETERS, "of `model.parameters`"),
        (experiment, vocabulary.EXPERIMENT, "of `experiment`"),
    ]:
        reader.warn_of_unknown_keys(node, known, where)
    reporting = reader.section(top, "reporting")
    return _Sections(top, model_parameters, experiment, reader.section(experiment, "parameters"), reporting)


def _pipeline(sections: _Sections, reader: Reader) -> LabelledEntry | None:
    """Return the pipeline itself, in whichever of its three places it stands."""
    found = reader.agreed(
        [
            *entries_of(sections.model_parameters, "model.parameters.", "pipeline"),
            *entries_of(sections.experiment, "experiment.", "pipeline"),
            *entries_of(sections.experiment_parameters, "experiment.parameters.", "pipeline"),
        ]
    )
    if found is None:
        message = f"there is no pipeline; expected one under `experiment.pipeline`, or `{_CLASSIC}` (classic)"
        hint = "move the map `pipeline` under `experiment`" if "pipeline" in sections.top.entries else None
        reader.error(message, sections.top.location, key="pipeline", hint=hint)
    elif not isinstance(found.value, MapNode):
        reader.wrong(found.value, found.label, "a map with `process_adjlist` and `processes`")
        return None
    return found


def _processes(
    document: Document, sections: _Sections, scripts: Scripts, reproducibility: Reproducibility, reader: Reader
) -> dict[str, Process]:
    problems = reader.problems
    found = _pipeline(sections, reader)
    if found is None or not isinstance(found.value, MapNode):
        return {}
    body = found.value
    reader.warn_of_unknown_keys(body, vocabulary.PIPELINE, f"of `{found.label}`")
    written = {key: body.entries[key].value for key in ("process_adjlist", "processes") if key in body.entries}
    listed = without_repeats(list_processes(written.get("processes"), reader), problems)
    adjacency = read_adjacency(written.get("process_adjlist"), document, reader)
    if not listed:
        _report_no_process(found, adjacency, reader)
        return {}
    reported = read_reported(sections.reporting, reader)
    listed += charts_only_reported(reported, listed, reader)
    names = {each.name for each in listed}
    upstream = read_edges(adjacency, names, problems)
    check_mentions(reproducibility.mentions, names, problems)
    return {
        each.name: dataclasses.replace(
            read_process(each, scripts, found.label == _CLASSIC, problems, reported.get(each.name)),
            upstream=tuple(sorted(upstream[each.name])),
            tolerances=reproducibility.tolerances.get(each.name, {}),
            nondeterministic=reproducibility.nondeterministic.get(each.name),
            stability=reproducibility.stability.get(each.name, ()),
            properties=reproducibility.properties.get(each.name, ()),
        )
        for each in sorted(listed, key=lambda each: each.name)
    }


def _report_no_process(found: LabelledEntry, adjacency: Adjacency, reader: Reader) -> None:
    """Note once that the pipeline has no process, instead of once for each name in the adjacency list."""
    swallowed = next((each for each in adjacency.mentions if each.name == "processes:"), None)
    hint = "add `processes: [{name: NAME}]`"
    if swallowed is not None:
        hint = f"`processes:` at {swallowed.location} is a line of `process_adjlist`; indent it like that key"
    if swallowed is not None or not reader.problems.errors:
        message = f"`{found.label}` defines no process; expected at least one in `processes`"
        reader.error(message, found.location, key="processes", hint=hint)


def _parameters(sections: _Sections, reader: Reader) -> dict[str, Any]:
    """Read the parameters of the whole pipeline, from any of the places that either spelling has for them."""
    found = [
        *entries_of(sections.model_parameters, "model.parameters.", "hyperparameters", "parameters"),
        *entries_of(sections.experiment, "experiment.", "hyperparameters"),
        *_current_parameters(sections, reader),
    ]
    agreed = reader.agreed(found)
    return parameters(reader, agreed) if agreed else {}


def _current_parameters(sections: _Sections, reader: Reader) -> list[LabelledEntry]:
    """Return `experiment.parameters.parameters` where there is such a map, else the parameters in the map above it."""
    node = sections.experiment_parameters
    if node is None:
        return []
    label = "experiment.parameters"
    nested = entries_of(node, f"{label}.", "parameters")
    rest = {key: entry for key, entry in node.entries.items() if key not in (*_NOT_PARAMETERS, "parameters")}
    if nested:
        for entry in rest.values():
            message = f"`{label}.{entry.key.text}` has no effect beside `{label}.parameters`"
            hint = f"move it into `{label}.parameters`"
            reader.warn(message, entry.key.location, key=entry.key.text, hint=hint)
        return nested
    if not rest:
        return []
    plain = {key: entry.value.plain for key, entry in rest.items()}
    assert sections.experiment is not None
    key = sections.experiment.entries["parameters"].key
    return [LabelledEntry(label, MapEntry(key, MapNode(node.location, plain, rest)))]
