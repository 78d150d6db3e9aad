"""What a process receives, and how its function gets it (S2.2, S3.4, S5.4)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_expops.errors import InputError
from pytest_expops.execution.calls.arguments import arrange, configured_parameters, hyperparameters, merged
from pytest_expops.execution.calls.context import ProcessContext
from pytest_expops.execution.calls.functions import Callee, CallStyle, settle
from pytest_expops.execution.calls.inputs import Load, receive
from pytest_expops.execution.calls.partitioning import Partition
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.pipeline.model import CallRule, CodeRef, ExpandedPipeline, Kind, Process, SeedSplit

EXAMPLES = yaml.safe_load((Path(__file__).parents[2] / "pipeline" / "examples.yaml").read_text(encoding="utf-8"))


def pipeline(tmp_path: Path, edges: str, processes: dict[str, Any], **parameters: Any) -> ExpandedPipeline:
    names = dict.fromkeys(edges.split())
    document = {
        "model": {
            "parameters": {
                "custom_script_path": "model.py",
                "hyperparameters": parameters,
                "pipeline": {
                    "process_adjlist": edges,
                    "processes": [{"name": name, **processes.get(name, {})} for name in names],
                },
            }
        }
    }
    path = tmp_path / "project_config.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return expand(load_config(path))


def keys(value: Any) -> Any:
    """The outer keys of a payload, each with the inner ones, down to the outputs of a process."""
    inner = {key: keys(each) for key, each in value.items() if key != "made_by"}
    return list(inner) if inner and all(each == [] for each in inner.values()) else inner or []


def loading(give: Callable[[str], dict[str, Any]]) -> Load:
    """Load what `give` gives for a name; of what is split, the partition that is asked for."""

    def load(name: str, partition: Partition | None = None, /) -> dict[str, Any]:
        outputs = give(name)
        if partition is None:
            return outputs
        key = partition.split.data_name
        return {**outputs, key: partition.of(outputs[key])}

    return load


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example["title"])
def test_an_aggregation_receives_what_the_worked_examples_say(example: dict[str, Any], tmp_path: Path) -> None:
    expanded = pipeline(tmp_path, example["edges"], example["processes"])

    def load(name: str) -> dict[str, Any]:
        splits = expanded[name].process.split_data
        return {"made_by": name, **({splits.data_name: list(range(60))} if splits else {})}

    if example["title"] == "a size list fixes the number of partitions":
        # (Its sizes ask for 90 rows; nothing here is split, as the aggregation is not below the split itself.)
        assert expanded[example["payload_of"]].process.upstream == ("score",)
    received = receive(expanded[example["payload_of"]], expanded, loading(load))
    payload = {each.upstream: each.whole() for each in received}
    assert {name: keys(value) for name, value in payload.items()} == example["payload_keys"]


def test_each_place_of_a_payload_holds_the_duplicate_of_that_place(tmp_path: Path) -> None:
    """S5.4: data outside, seeds inside, in config order."""
    expanded = pipeline(
        tmp_path,
        "rows seeds\nseeds fit\nfit merge\nrows merge\n",
        {
            "rows": {"data_parallelism": {"size": 2, "data_name": "df"}},
            "seeds": {"seed_parallelism": [41, -3]},
            "merge": {"data_parallelism": {"aggregation": True}, "seed_parallelism": {"aggregation": True}},
        },
    )
    received = receive(expanded["merge"], expanded, loading(lambda name: {"made_by": name, "df": [name, 1, 2]}))
    fit, rows = (next(each.whole() for each in received if each.upstream == name) for name in ("fit", "rows"))
    assert {part: {seed: out["made_by"] for seed, out in seeds.items()} for part, seeds in fit.items()} == {
        "data1": {"seed41": "fit_1_seed41", "seed-3": "fit_1_seed-3"},
        "data2": {"seed41": "fit_2_seed41", "seed-3": "fit_2_seed-3"},
    }
    assert [list(seeds) for seeds in fit.values()] == [["seed41", "seed-3"]] * 2
    # `rows` carries the data layer only, by splitting; each place has its partition and the other keys whole (S3.4).
    assert rows == {"data1": {"made_by": "rows", "df": ["rows", 1]}, "data2": {"made_by": "rows", "df": [2]}}


def test_an_upstream_without_the_collapsed_layer_arrives_plain(tmp_path: Path) -> None:
    expanded = pipeline(
        tmp_path,
        "split fit\nfit merge\nreference merge\n",
        {"split": {"seed_parallelism": 5}, "merge": {"seed_parallelism": {"aggregation": True}}},
    )
    received = receive(expanded["merge"], expanded, loading(lambda name: {"made_by": name}))
    assert {each.upstream: each.whole() for each in received} == {
        "fit": {"seed5": {"made_by": "fit_seed5"}},
        "reference": {"made_by": "reference"},
    }


def test_nested_data_layers_give_each_duplicate_its_own_partition(tmp_path: Path) -> None:
    expanded = pipeline(
        tmp_path,
        "outer inner\ninner work\n",
        {
            "outer": {"data_parallelism": {"size": 2, "data_name": "df"}},
            "inner": {"data_parallelism": {"size": [1, 2], "data_name": "df"}},
        },
    )
    rows = {"outer": [1, 2, 3, 4, 5, 6], "inner_1": [1, 2, 3], "inner_2": [4, 5, 6]}

    def load(name: str) -> dict[str, Any]:
        return {"df": rows[name], "n": len(rows[name])}

    assert receive(expanded["inner_2"], expanded, loading(load))[0].whole() == {"df": [4, 5, 6], "n": 6}
    assert receive(expanded["work_1_2"], expanded, loading(load))[0].whole() == {"df": [2, 3], "n": 3}
    assert receive(expanded["work_2_1"], expanded, loading(load))[0].whole() == {"df": [4], "n": 3}


def test_every_part_of_a_payload_is_a_copy_of_its_own(tmp_path: Path) -> None:
    """S2.4: the fan-out below which an aggregation stands at once hands over as many copies as there are seeds."""
    expanded = pipeline(
        tmp_path,
        "split merge\n",
        {"split": {"seed_parallelism": [1, 2]}, "merge": {"seed_parallelism": {"aggregation": True}}},
    )
    whole = receive(expanded["merge"], expanded, loading(lambda name: {"rows": [name]}))[0].whole()
    whole["seed1"]["rows"].append("more")
    assert whole["seed2"]["rows"] == ["split"]


def process(**keywords: Any) -> Process:
    return Process(name="p", code=CodeRef("main", "p"), upstream=tuple(keywords.pop("upstream", ())), **keywords)


def call(
    function: Callable[..., Any],
    upstream: dict[str, dict[str, Any]] | None = None,
    parameters: dict[str, Any] | None = None,
    *,
    seeds: tuple[int, ...] = (),
    rule: CallRule = CallRule.CLASSIC_FIRST,
    split_seeds: SeedSplit | None = None,
) -> Any:
    """Call `function` as a process is called, on plain upstream outputs."""
    from pytest_expops.execution.calls.functions import _callee
    from pytest_expops.execution.calls.inputs import Received
    from pytest_expops.pipeline.model import ExpandedProcess

    each = process(call_rule=rule, split_seeds=split_seeds)
    received = [Received(name, {(): outputs}) for name, outputs in (upstream or {}).items()]
    configured = dict(parameters or {})
    expanded = ExpandedProcess("p", each, (), seeds, ())
    context = ProcessContext(
        project_id="project",
        run_id="run",
        process_name="p",
        hyperparameters=hyperparameters(expanded, configured),
        upstream={part.upstream: part.whole() for part in received},
        document={"data": {"path": "x.csv"}},
        config_path=Path("unused.yaml"),
        checkpoint_root="unused",
    )
    callee: Callee = _callee(function, each)
    offered = {key for outputs in (upstream or {}).values() for key in outputs}
    style = settle(callee, offered | configured.keys())
    arranged = arrange(callee, each, received, context, configured, 42, style)
    return function(*arranged.args, **arranged.kwargs)


UPSTREAM = {"a": {"x": 1}, "b": {"y": 2}}


def test_the_classic_call_in_any_order() -> None:
    def f(context: Any, hyperparameters: Any, data: Any) -> Any:
        return data, hyperparameters, context.project_id, context.step_results is data

    assert call(f, UPSTREAM, {"lr": 0.1}, seeds=(7,)) == (UPSTREAM, {"lr": 0.1, "random_seed": 7}, "project", True)
    assert call(lambda hparams: hparams, UPSTREAM, {"lr": 0.1}) == {"lr": 0.1}
    assert call(lambda: "nothing asked for", UPSTREAM) == "nothing asked for"
    assert call(lambda data: data) == {}


def test_the_by_name_call() -> None:
    def f(y: Any, lr: Any, x: Any, other: Any = "default") -> Any:
        return x, y, lr, other

    assert call(f, UPSTREAM, {"lr": 0.1, "unused": 3}) == (1, 2, 0.1, "default")


def test_random_seed_goes_to_who_declares_it() -> None:
    assert call(lambda x, random_seed: (x, random_seed), UPSTREAM, seeds=(3, 7)) == (1, 7)
    assert call(lambda x, random_seed: (x, random_seed), UPSTREAM) == (1, 42), "the base seed, outside all seed layers"
    assert call(lambda x, random_seed: random_seed, UPSTREAM, {"random_seed": 1}, seeds=(7,)) == 7, "S4.2"
    assert call(lambda x, random_seed: random_seed, UPSTREAM, {"random_seed": 1}) == 1
    assert call(lambda x, seeds: seeds, UPSTREAM, split_seeds=SeedSplit((4, 5))) == [4, 5]


def test_variable_keywords_take_all_that_is_left() -> None:
    def f(x: Any, **rest: Any) -> Any:
        return x, rest

    assert call(f, UPSTREAM, {"depth": 3}, seeds=(7,)) == (1, {"y": 2, "depth": 3})


def test_positional_only_parameters() -> None:
    def f(x: Any, /, y: Any) -> Any:
        return x, y

    assert call(f, UPSTREAM) == (1, 2)


def test_a_function_with_a_classic_name_and_others_gets_both() -> None:
    """It is called by name, and nothing else offers `data`, so it is what it is in a classic call."""

    def f(data: Any, hyperparameters: Any, verbose: bool = False) -> Any:
        return data, hyperparameters, verbose

    assert call(f, UPSTREAM, {"lr": 1}) == (UPSTREAM, {"lr": 1}, False)
    assert call(lambda x, data=None: (x, data), UPSTREAM) == (1, None), "its own default, if it has one"
    assert call(lambda x, data: (x, data), {"a": {"x": 1, "data": "rows"}}) == (1, "rows")


@pytest.mark.parametrize("upstream", [{"a": {"x": 1}, "b": {"x": 2}}])
def test_a_key_offered_twice_matters_only_to_who_takes_it(upstream: dict[str, dict[str, Any]]) -> None:
    for function in (lambda x: x, lambda **everything: everything):
        with pytest.raises(InputError, match="`x` is offered twice: by the output of `a` and by the output of `b`"):
            call(function, upstream)
    assert call(lambda lr: lr, upstream, {"lr": 0.5}) == 0.5
    assert call(lambda data: data, upstream) == upstream


def test_a_missing_argument_lists_what_there_is() -> None:
    with pytest.raises(InputError) as caught:
        call(lambda weights, x, bias: None, UPSTREAM, {"lr": 1})
    assert caught.value.process == "p"
    assert caught.value.key == "weights"
    assert str(caught.value) == (
        "process `p`: function `p` needs `weights`, `bias`, which nothing offers\n"
        "    available: a: x; b: y; parameters: lr"
    )


def test_in_the_current_spelling_classic_names_are_names_where_they_are_offered() -> None:
    """S2.2: by name, except a function of only classic names of which none is an upstream key or parameter."""
    rule = CallRule.BY_NAME_FIRST
    assert call(lambda data: data, {"a": {"data": "rows"}}, rule=rule) == "rows"
    assert call(lambda data: data, {"a": {"x": 1}}, rule=rule) == {"a": {"x": 1}}
    assert call(lambda data, context: data, {"a": {"context": 1, "x": 2}}, rule=rule)["a"]["x"] == 2
    assert call(lambda data: data, {"a": {"data": "rows"}}) == {"a": {"data": "rows"}}, "classic spelling"


def test_by_name_aggregation_finds_each_key_so_keyed(tmp_path: Path) -> None:
    from pytest_expops.execution.calls.inputs import Received

    received = Received("eval", {(f"data{d}", f"seed{s}"): {"m": (d, s)} for d in (1, 2) for s in (40, 41)})
    assert received.by_key() == {
        "m": {"data1": {"seed40": (1, 40), "seed41": (1, 41)}, "data2": {"seed40": (2, 40), "seed41": (2, 41)}}
    }


def test_a_pass_through_merges_its_upstream_and_refuses_a_clash() -> None:
    from pytest_expops.execution.calls.inputs import Received

    each = process(kind=Kind.PASS_THROUGH)
    assert merged(each, [Received("a", {(): {"x": 1}}), Received("b", {(): {"y": 2}})]) == {"x": 1, "y": 2}
    with pytest.raises(InputError, match="`x` is offered twice"):
        merged(each, [Received("a", {(): {"x": 1}}), Received("b", {(): {"x": 2}})])


def test_parameters_are_merged_key_by_key_and_copied(tmp_path: Path) -> None:
    """S2.2, S2.4: not deep, and what a process does to them no other sees."""
    expanded = pipeline(tmp_path, "a b\n", {"a": {"hyperparameters": {"lr": 2, "net": {"k": 9}}}}, lr=1, net={"d": [1]})
    first = configured_parameters(expanded["a"], expanded)
    assert first == {"lr": 2, "net": {"k": 9}}
    other = configured_parameters(expanded["b"], expanded)
    other["net"]["d"].append(2)
    assert configured_parameters(expanded["b"], expanded) == {"lr": 1, "net": {"d": [1]}}


def test_a_bound_signature_is_not_asked_for_variable_positionals() -> None:
    def f(x: Any, *more: Any) -> Any:
        return x, more

    assert call(f, UPSTREAM) == (1, ())
    assert settle(Callee(f, tuple(inspect.signature(f).parameters.values()), None), {"x"}) is CallStyle.BY_NAME
