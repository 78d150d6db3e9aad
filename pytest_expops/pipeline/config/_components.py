"""A process without code of its own: `component: LIBRARY.OPERATION`, and what else it may say."""

from __future__ import annotations

from pytest_expops.pipeline.config import vocabulary
from pytest_expops.pipeline.config._document import MapNode
from pytest_expops.pipeline.config._reading import LabelledEntry, Reader, entries_of
from pytest_expops.pipeline.declarations import ComponentRef, IterativeLogging

_EXPECTED = "LIBRARY.OPERATION, such as `sklearn.train_test_split` or `sklearn.LogisticRegression.fit_predict`"


def read_component(body: MapNode, reader: Reader) -> ComponentRef | None:
    """Read the component of a process; None where it has none."""
    logging = _read_logging(body, reader)
    found = next(iter(entries_of(body, "", "component")), None)
    if found is None:
        for each in entries_of(body, "", "iterative_logging"):
            reader.warn("`iterative_logging` has no effect without `component`", each.location, key=each.label)
        return None
    for code in entries_of(body, "", "code", "code_function"):
        message = f"`{code.label}` beside `component`; expected one of them"
        reader.error(message, code.location, key=code.label, hint="keep one of the two")
    text = reader.text(found.value, "component", _EXPECTED)
    if text is None:
        return None
    library, _, operation = text.partition(".")
    if not all(part.isidentifier() for part in (library, *operation.split("."))):
        reader.wrong(found.value, "component", _EXPECTED)
        return None
    return ComponentRef(library, operation, logging, found.value.location)


def _read_logging(body: MapNode, reader: Reader) -> IterativeLogging | None:
    found = next(iter(entries_of(body, "", "iterative_logging")), None)
    if found is None:
        return None
    if not isinstance(found.value, MapNode):
        reader.wrong(found.value, found.label, "a map with a `metric_name`")
        return None
    reader.warn_of_unknown_keys(found.value, vocabulary.ITERATIVE_LOGGING, "of `iterative_logging`")
    name = _text(found, "metric_name", reader)
    if name is None:
        if not entries_of(found.value, "", "metric_name"):
            hint = "write `metric_name: train_loss`"
            reader.error("`iterative_logging` has no `metric_name`", found.location, key=found.label, hint=hint)
        return None
    split = _text(found, "eval_split", reader) or "train"
    if split != "train":
        at = entries_of(found.value, "", "eval_split")[0]
        hint = "log other splits by `metrics` of the process that predicts them"
        message = f"`eval_split: {split}` has no effect; readings are of `train`"
        reader.warn(message, at.location, key=at.label, hint=hint)
    return IterativeLogging(name)


def _text(found: LabelledEntry, key: str, reader: Reader) -> str | None:
    assert isinstance(found.value, MapNode)
    inner = entries_of(found.value, "", key)
    return reader.text(inner[0].value, f"{found.label}.{key}") if inner else None
