"""A variation gives what a config so written would give, without running again what it leaves alone (S2 to S5)."""

from __future__ import annotations

import gc
import os
import random
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_expops.errors import FingerprintError, InputError, OutputError, PartitionError
from pytest_expops.execution.results import Results, UnknownProcess
from pytest_expops.execution.session import NotPassed, PipelineSession
from pytest_expops.execution.variations.variation import VariationError
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.strategies import partition_sizes, seeds
from pytest_expops.values.fingerprint import fingerprint
from tests.hypothesis_profiles import examples

EDGES = "load split\nsplit prepare\nprepare fit\nfit judge\njudge merge\nload side\nside merge"
PROCESSES: dict[str, dict[str, Any]] = {
    "split": {"data_parallelism": {"size": 2, "data_name": "df"}},
    "prepare": {"seed_parallelism": {"seeds": [40, 41]}},
    "fit": {"hyperparameters": {"rate": 0.5}},
    "merge": {"data_parallelism": {"aggregation": True}, "seed_parallelism": {"aggregation": True}},
}
SCRIPT = """
import random
from pathlib import Path

import numpy as np
import pandas as pd

from pytest_expops.core import get_current_context, log_metric, step


def note():
    with open("log.txt", "a") as file:
        file.write(get_current_context().process_name + "\\n")


def load(data):
    note()
    return {"df": pd.DataFrame({"x": range(6), "name": list("abcdef")}), "luck": random.random()}


def side(data):
    note()
    return {"draw": np.random.rand()}


def split(data):
    note()
    df = data["load"]["df"]
    df["y"] = np.random.rand(len(df))
    return {"df": df, "note": ["whole"]}


def prepare(data, hyperparameters):
    note()
    received = data["split"]
    received["note"].append(len(received["df"]))
    received["df"].loc[:, "x"] += hyperparameters.get("shift", 0)
    return received


@step()
def noisy(values):
    return float(values.sum() + np.random.rand())


def fit(data, hyperparameters):
    note()
    df = data["prepare"]["df"]
    log_metric("rows", len(df))
    return {"weight": hyperparameters["rate"] * noisy(df["x"]), "seed": hyperparameters["random_seed"],
            "note": data["prepare"]["note"]}


def judge(data):
    note()
    return {**data["fit"], "luck": random.random()}


def merge(data):
    note()
    return {"parts": data["judge"], "keys": {k: list(v) for k, v in data["judge"].items()}, "side": data["side"]}
"""


def document(**changed: dict[str, Any]) -> dict[str, Any]:
    names = dict.fromkeys(EDGES.split())
    bodies = [{"name": name, **PROCESSES.get(name, {}), **changed.get(name, {})} for name in names]
    pipeline = {"process_adjlist": EDGES + "\n", "processes": bodies}
    return {"model": {"parameters": {"custom_script_path": "model.py", "pipeline": pipeline}}}


class Place:
    """A folder with a script and a config; sessions are opened on it, each in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.count = 0

    def session(self, script: str = SCRIPT, **config: Any) -> PipelineSession:
        self.count += 1
        (self.root / "model.py").write_text(textwrap.dedent(script), encoding="utf-8")
        path = self.root / "p.yaml"
        path.write_text(yaml.safe_dump({**document(), **config}), encoding="utf-8")
        return PipelineSession(expand(load_config(path)), self.root / f"session-{self.count}")

    @property
    def log(self) -> list[str]:
        """The processes that have run since this was asked for last."""
        path = self.root / "log.txt"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def common(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("common"))


def digests(session: Any) -> dict[str, str]:
    return {name: fingerprint(session.outputs(name), name).digest for name in session.expanded.processes}


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.none() | partition_sizes(6),
    fan=st.none() | seeds(min_value=-3, max_value=50),
    base_seed=st.none() | st.integers(-5, 5),
    rate=st.none() | st.sampled_from([0.0, 2.0]),
    shift=st.none() | st.integers(-3, 3),
)
@pytest.mark.filterwarnings("ignore::pytest_expops.EmptyPartitionWarning")
def test_a_variation_gives_what_a_config_so_written_gives(
    common: Place, size: Any, fan: Any, base_seed: int | None, rate: float | None, shift: int | None
) -> None:
    """S2.2, S3, S4, S5: names, arguments, seeds, partitions and outputs of every process are the same, bit for bit."""
    varied = Results([common.session()]).run(
        partitions=None if size is None else {"split": size},
        seeds=None if fan is None else {"prepare": fan},
        base_seed=base_seed,
        parameters={
            **({} if rate is None else {"fit": {"rate": rate}}),
            **({} if shift is None else {"*": {"shift": shift}}),
        },
    )
    written = document(
        split={"data_parallelism": {"size": 2 if size is None else size, "data_name": "df"}},
        prepare={"seed_parallelism": {"seeds": [40, 41] if fan is None else fan}},
        fit={"hyperparameters": {"rate": 0.5 if rate is None else rate}},
    )
    written["model"]["parameters"]["hyperparameters"] = {} if shift is None else {"shift": shift}
    if base_seed is not None:
        written["reproducibility"] = {"random_seed": base_seed}
    fresh = common.session(**written)
    (source,) = varied._sessions
    assert digests(source) == digests(fresh)


def test_what_a_variation_does_not_touch_is_run_once_by_the_session(place: Place) -> None:
    session = place.session()
    expops = Results([session])
    expops.run("merge", partitions={"split": [1, 5]}, seeds={"prepare": [40]})
    prepared = ["prepare_1", "prepare_2"]
    tail = [*(f"{base}_{part}_seed40" for base in ("fit", "judge") for part in (1, 2)), "merge"]
    assert sorted(place.log) == sorted(["load", "split", "side", *prepared, *tail])
    expops.run("merge", partitions={"split": [2, 4]}, seeds={"prepare": [40]})
    assert sorted(place.log) == sorted([*prepared, *tail])
    # Fewer seeds leave what the others give as it was: only the aggregation sees the difference.
    session.record("merge")
    assert len(place.log) == 2 + 4 + 4 + 1
    expops.run("merge", seeds={"prepare": [41]})
    assert place.log == ["merge"]
    expops.run("merge", seeds={"prepare": [41, 40]})
    assert place.log == ["merge"]
    expops.run("merge", parameters={"judge": {"x": 1}})
    assert sorted(place.log) == sorted([*(f"judge_{part}_seed{seed}" for part in (1, 2) for seed in (40, 41)), "merge"])
    expops.run("merge")
    assert place.log == []


def test_only_what_is_asked_for_is_run(place: Place) -> None:
    """`upto` names a process or a duplicate of it; the rest is run when it is asked for."""
    expops = Results([place.session()])
    result = expops.run("fit", partitions={"split": 3}, seeds={"prepare": 7})
    assert sorted(place.log) == sorted(
        ["load", "split", *(f"{name}_{part}" for name in ("prepare",) for part in (1, 2, 3))]
        + [f"fit_{part}_seed7" for part in (1, 2, 3)]
    )
    assert result["merge"]["keys"] == {f"data{part}": ["seed7"] for part in (1, 2, 3)}
    assert "fit_1_seed7" not in place.log
    expops.run("fit_3_seed7", partitions={"split": 3}, seeds={"prepare": 7})
    assert place.log == ["prepare_3", "fit_3_seed7"]


def test_a_result_is_asked_as_the_session_is(place: Place) -> None:
    result = Results([place.session()]).run("fit", partitions={"split": [4, 2]}, seeds={"prepare": [7]})
    assert list(result.outputs("fit")) == ["fit_1_seed7", "fit_2_seed7"]
    assert "fit_2_seed7" in result
    assert "fit_1_seed40" not in result
    frame = result.metrics("fit")
    assert frame[["process", "partition", "seed", "metric", "value"]].to_numpy().tolist() == [
        ["fit_1_seed7", 1, 7, "rows", 4.0],
        ["fit_2_seed7", 2, 7, "rows", 2.0],
    ]
    with pytest.raises(UnknownProcess, match="no process is called `fit_1_seed40`"):
        _ = result["fit_1_seed40"]


def test_a_result_can_be_varied_further(place: Place) -> None:
    expops = Results([place.session()])
    once = expops.run("merge", partitions={"split": [1, 5]}, seeds={"prepare": [7]})
    twice = once.run("merge", seeds={"prepare": [8]}, parameters={"fit": {"rate": 2.0}})
    both = expops.run("merge", partitions={"split": [1, 5]}, seeds={"prepare": [8]}, parameters={"fit": {"rate": 2.0}})
    assert twice["merge"] == both["merge"]
    assert twice["merge"] != once["merge"]


def test_the_session_is_left_as_it_is(place: Place) -> None:
    """Nothing is written, no record is made, and what the session finds afterwards is what it found before."""
    session = place.session()
    before = digests(session)
    files = {path: path.stat().st_mtime_ns for path in session.folder.rglob("*") if path.is_file()}
    records = dict(session.all_records())
    state, numbers = random.getstate(), np.random.get_state()[1].copy()  # type: ignore[index,union-attr]
    variables, directory = dict(os.environ), os.getcwd()
    result = Results([session]).run(partitions={"split": 3}, seeds={"prepare": [1]}, base_seed=9)
    result["merge"]["parts"].clear()
    assert {path: path.stat().st_mtime_ns for path in session.folder.rglob("*") if path.is_file()} == files
    assert session.all_records() == records
    assert digests(session) == before
    assert (random.getstate(), os.getcwd(), dict(os.environ)) == (state, directory, variables)
    assert (np.random.get_state()[1] == numbers).all()  # type: ignore[index]


def test_nobody_sees_what_another_changes(place: Place) -> None:
    """S2.4: `prepare` changes what it receives; its siblings, the given outputs and later askers do not notice."""
    frame = pd.DataFrame({"x": [1, 2, 3], "name": list("abc"), "y": [0.0, 0.0, 0.0]})
    mine = {"df": frame, "note": ["mine"]}
    result = Results([place.session()]).run(
        "fit", outputs={"split": mine}, partitions={"split": 3}, parameters={"*": {"shift": 10}}
    )
    assert [each["note"] for each in result.outputs("fit").values()] == [["mine", 1]] * 6
    assert mine["note"] == ["mine"]
    assert frame["x"].tolist() == [1, 2, 3]
    changed = result["prepare_1"]["df"]
    changed.loc[:, "x"] = 0
    assert result["prepare_1"]["df"]["x"].tolist() == [11]


def test_outputs_are_given_for_a_process_or_for_a_single_duplicate(place: Place) -> None:
    expops = Results([place.session()])
    given_, other = {"weight": 1.0, "seed": 0, "note": []}, {"weight": 2.0, "seed": 0, "note": []}
    result = expops.run("merge", outputs={"fit": given_, "fit_2_seed41": other})
    weights = {
        (part, seed): each["weight"]
        for part, by_seed in result["merge"]["parts"].items()
        for seed, each in by_seed.items()
    }
    assert weights == {
        ("data1", "seed40"): 1.0,
        ("data1", "seed41"): 1.0,
        ("data2", "seed40"): 1.0,
        ("data2", "seed41"): 2.0,
    }
    assert not {name for name in place.log if name.startswith(("fit", "prepare", "split"))}


def test_checkpoints_of_a_variation_go_with_it(place: Place) -> None:
    """`checkpoint_dir` lasts as long as the results, since later processes may read it, and is not the session's."""
    script = SCRIPT + textwrap.dedent(
        """
        def side(data, context):
            (context.checkpoint_dir / "model").write_text("saved")
            return {"draw": str(context.checkpoint_dir)}
        """
    )
    session = place.session(script)
    result = Results([session]).run("side", base_seed=1)
    folder = Path(result["side"]["draw"])
    assert (folder / "model").read_text() == "saved"
    assert not folder.is_relative_to(session.folder)
    del result
    gc.collect()
    assert not folder.exists()


BROKEN: dict[str, tuple[str, type[Exception], str]] = {
    "no dict": ("return [1]", OutputError, "process `side` returned a list; a process returns a dict"),
    "no sound value": (
        "return {'rows': (i for i in range(3))}",
        FingerprintError,
        r"outputs\['rows'\]: a generator",
    ),
    "no such input": ("return {}", InputError, "function `side` needs `missing`, which nothing offers"),
}


@pytest.mark.parametrize(("body", "kind", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_errors_are_those_of_the_session(place: Place, body: str, kind: type[Exception], message: str) -> None:
    """S2.2, S2.3: same type, same words, whether the session runs the process or a variation of it."""
    head = "def side(missing):" if kind is InputError else "def side(data):"
    session = place.session(f"{SCRIPT}\n{head}\n    {body}\n")
    with pytest.raises(kind, match=message) as varied:
        Results([session]).run("side", base_seed=5)
    session.record("side")
    assert type(session.errors["side"]) is kind
    assert str(varied.value) == str(session.errors["side"])


def test_sizes_that_do_not_sum_are_the_usual_error(place: Place) -> None:
    """S3.3."""
    with pytest.raises(PartitionError, match=r"sizes \[2, 2\] sum to 4, but `df` of `split` has 6 rows"):
        Results([place.session()]).run("prepare", partitions={"split": [2, 2]})


def test_what_a_process_raises_is_raised_with_its_own_frames(place: Place) -> None:
    """S6.3: the user's exception itself, from the user's first frame on, and a note of how to have it again."""
    script = SCRIPT.replace("def fit(data, hyperparameters):", "def fit(data, hyperparameters):\n    1 / 0")
    result: Results | None = None
    with pytest.raises(ZeroDivisionError) as caught:
        result = Results([place.session(script)]).run("merge", partitions={"split": [1, 5]})
    assert result is None
    assert [entry.name for entry in caught.traceback][-1] == "fit"
    assert caught.value.__notes__ == ["raised by `fit_1_seed40` in expops.run(partitions={'split': [1, 5]})"]


def test_of_outputs_that_were_given_a_note_says_whose_they_are(place: Place) -> None:
    script = SCRIPT.replace("def merge(data):", "def merge(data):\n    1 / 0")
    results = Results([place.session(script)])
    with pytest.raises(ZeroDivisionError) as caught:
        results.run("merge", outputs={"fit": {"score": 1.0}})
    note = "raised by `merge` in expops.run(outputs=outputs), `outputs` being what is given of `fit`"
    assert caught.value.__notes__ == [note]


def test_what_the_session_could_not_run_is_told_as_the_session_tells_it(place: Place) -> None:
    script = SCRIPT.replace("def split(data):", "def split(data):\n    raise ValueError('no rows today')")
    with pytest.raises(NotPassed, match=r"`split` has no outputs: split failed \(ValueError: no rows today\)"):
        Results([place.session(script)]).run("merge", partitions={"split": 3})


def test_warnings_of_empty_partitions_are_for_configs(place: Place, recwarn: pytest.WarningsRecorder) -> None:
    """S3.3: here somebody asked for them."""
    frame = pd.DataFrame({"x": [1], "name": ["a"], "y": [0.0]})
    Results([place.session()]).run("prepare", partitions={"split": 3}, outputs={"split": {"df": frame, "note": []}})
    assert [str(each.message) for each in recwarn.list] == []


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "partitions of none": (
        {"partitions": {"splt": 2}},
        "`partitions` names `splt`, and no process is called so\n    did you mean `split`?",
    ),
    "partitions of one that has none": (
        {"partitions": {"fit": 2}},
        "`partitions` names `fit`, which has no `data_parallelism` to vary\n"
        "    name `split` instead, or give `fit` a `data_parallelism` in the config",
    ),
    "seeds of one that has none": (
        {"seeds": {"split": 2}},
        "`seeds` names `split`, which has no `seed_parallelism` to vary\n"
        "    name `prepare` instead, or give `split` a `seed_parallelism` in the config",
    ),
    "no partition": (
        {"partitions": {"split": 0}},
        "`partitions['split']` is 0; expected a whole number of partitions from 1 to",
    ),
    "no row counts": (
        {"partitions": {"split": []}},
        "`partitions['split']` is []; expected row counts, at least one of",
    ),
    "half a partition": ({"partitions": {"split": 1.5}}, "`partitions['split']` is 1.5; expected whole numbers"),
    "true": ({"partitions": {"split": [True, 5]}}, "`partitions['split']` is True; expected whole numbers"),
    "a text": ({"seeds": {"prepare": "12"}}, "`seeds['prepare']` is '12'; expected whole numbers"),
    "seeds twice": ({"seeds": {"prepare": [1, 1]}}, "`seeds['prepare']` is [1, 1]; expected at least one seed, and n"),
    "outputs of none": (
        {"outputs": {"fit_9": {}}},
        "`outputs` names `fit_9`, and no process is called so\n    did you",
    ),
    "parameters by name": (
        {"parameters": {"rate": 0.5}},
        "`parameters['rate']` is 0.5; expected a dict of parameter names to values\n"
        "    give parameters by process: parameters={'train': {'rate': 0.5}}, or under '*' for all",
    ),
    "parameters of none": ({"parameters": {"rate": {}}}, "`parameters` names `rate`, and no process is called so\n"),
}


@pytest.mark.parametrize(("asked", "message"), WRONG.values(), ids=WRONG.keys())
def test_variations_that_cannot_be_are_told(common: Place, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(VariationError) as caught:
        Results([common.session()]).run("merge", **asked)
    assert str(caught.value).startswith(message)


def test_given_outputs_are_checked_as_returned_ones_are(common: Place) -> None:
    with pytest.raises(OutputError, match="process `split` splits `df`, but it returned `note`"):
        Results([common.session()]).run("merge", outputs={"split": {"note": []}})


def test_of_several_configs_the_one_that_has_the_process_is_varied(place: Place) -> None:
    first = place.session()
    other = {"model": {"parameters": {"custom_script_path": "model.py", "pipeline": {"processes": [{"name": "lone"}]}}}}
    second = place.session(SCRIPT + "\ndef lone(data, hyperparameters):\n    return hyperparameters\n", **other)
    expops = Results([first, second])
    assert expops.run("lone", parameters={"lone": {"a": 1}})["lone"] == {"a": 1}
    assert expops.run("side", base_seed=3)["side"] != expops["side"]
    ask: Callable[[], object] = lambda: expops.run(base_seed=3)  # noqa: E731
    with pytest.raises(UnknownProcess, match="which of the configs is to be varied"):
        ask()
    with pytest.raises(UnknownProcess, match="no process is called `sdie`"):
        expops.run("sdie")
    with pytest.raises(UnknownProcess, match="no pipeline is configured"):
        Results([]).run("side")
