"""What a failed replay says of where and why (S7.1): the whole way, from a config to the words in the terminal."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Outcome, Project

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}

SCRIPT = """
    import os
    import time
    import uuid
    from pathlib import Path

    import numpy as np

    from pytest_expops.core import log_metric, process, step

    SEEN = []

    @process()
    def start(data):
        return {"words": ["ant", "bee", "cat", "dog", "eel", "fox", "gnu"]}

    @process()
    def prepare(data):
        SEEN.append("prepare")
        return {}

    @step()
    def initial(size):
        began = time.time()
        rng = np.random.default_rng()
        print("drawn in", time.time() - began)
        return rng.normal(size=size)

    @process()
    def entropy(data):
        return {"weights": initial(3)}

    @process()
    def hashseed(data):
        words = sorted(data["start"]["words"])
        order = list(set(words))
        return {"order": order, "count": len(words)}

    @process()
    def clock(data):
        began = time.time()
        log_metric("seconds", time.time() - began)
        return {"stamp": time.time()}

    @process()
    def both(data):
        return {"id": str(uuid.uuid4()), "order": list(set(data["start"]["words"])), "size": 3}

    @process()
    def joint(data):
        return {"name": f"{time.time_ns()}-{uuid.uuid4()}"}

    @process()
    def state(data):
        return {"seen": len(SEEN)}

    @process()
    def files(data):
        cache = Path("cache.txt")
        known = cache.exists()
        cache.write_text("known", encoding="utf-8")
        return {"known": known}

    @process()
    def steady(data):
        started = time.time()
        noise = np.random.rand(2)
        print(uuid.uuid4(), time.time() - started)
        return {"noise": noise, "words": set(data["start"]["words"])}
"""

FAILING = ("entropy", "hashseed", "clock", "both", "joint", "files", "state")


def line_of(project: Project, text: str) -> int:
    lines = (project.root / "models/model.py").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def write(project: Project, *names: str) -> None:
    edges = [f"start {name}" for name in (*names, "steady")]
    if "state" in names:
        edges += ["start prepare", "prepare state"]
    project.write("\n".join(edges), SCRIPT, SEEDS)


def diagnosis_of(project: Project, name: str) -> Any:
    (path,) = project.root.glob(f"kept/session-1/*/verdicts/{name}_seed7.json")
    return json.loads(path.read_text(encoding="utf-8"))["diagnosis"]


@pytest.fixture(scope="module")
def every() -> dict[str, Any]:
    """One session with every kind of cause, for all tests that look at it; `run_all` fills it."""
    return {}


def run_all(project: Project, every: dict[str, Any]) -> tuple[Project, Outcome]:
    if not every:
        write(project, *FAILING)
        every["outcome"] = project.run("-n0", "--expops-artifacts=kept", diagnose=True)
        every["project"] = project
    return every["project"], every["outcome"]


def test_each_cause_is_found_with_its_line_and_evidence(project: Project, every: dict[str, Any]) -> None:
    project, outcome = run_all(project, every)
    assert outcome.where("failed") == {f"{name}_seed7[replay]" for name in FAILING}
    wanted = {
        "entropy": ({"entropy"}, "rng = np.random.default_rng()"),
        "hashseed": ({"hashseed"}, "order = list(set(words))"),
        "clock": ({"clock"}, "log_metric("),
        "both": ({"entropy", "hashseed"}, '"id": str(uuid.uuid4())'),
        "joint": ({"entropy", "clock"}, "time.time_ns()"),
        "state": ({"state"}, '"seen": len(SEEN)'),
    }
    found = {name: diagnosis_of(project, name) for name in wanted}
    causes = {name: {cause["source"] for cause in each["causes"]} for name, each in found.items()}
    assert causes == {name: sources for name, (sources, _) in wanted.items()}
    lines = {name: each["place"]["line"] for name, each in found.items()}
    assert lines == {name: line_of(project, text) for name, (_, text) in wanted.items()}
    for each in found.values():
        assert each["complete"]
        for cause in each["causes"]:
            agree, of = cause["held"]
            assert agree == of >= 3
            assert cause["free"][0] < cause["free"][1]


def test_the_failure_says_where_why_and_what_helps(project: Project, every: dict[str, Any]) -> None:
    project, outcome = run_all(project, every)
    line = line_of(project, "rng = np.random.default_rng()")
    message = outcome.message("entropy_seed7[replay]")
    where = f"where:  models/model.py:{line} in initial (step `initial`), the result of numpy.random.default_rng() "
    assert where in message
    assert "            rng = np.random.default_rng()\n" in message
    assert f"            models/model.py:{line} numpy.random.default_rng() without a seed\n" in message
    assert "fixed, 4 of 4 replays agree; without, 0 of 5\n" in message
    assert "        fix: `np.random.default_rng(random_seed)` in place of `np.random.default_rng()`; add " in message
    assert "; add the parameter `random_seed` to `initial`, and give it `random_seed` where it is called; " in message
    assert re.search(r"\(diagnosed in \d+ runs, \d+\.\d s\)", message)
    assert "to see just this again: pytest --expops-config configs/project_config.yaml" in message
    state = outcome.message("state_seed7[replay]")
    assert "why:    what an earlier process left behind, left by `prepare_seed7`\n" in state
    assert "run after it, 4 of 4 replays agree with the first run; in fresh modules, 0 of 5\n" in state


def test_two_causes_are_told_each_with_what_it_changes(project: Project, every: dict[str, Any]) -> None:
    project, _ = run_all(project, every)
    paths = {cause["source"]: cause["paths"] for cause in diagnosis_of(project, "both")["causes"]}
    assert paths["entropy"] == ["outputs['id']"]
    assert {path.partition("[")[2][:7] for path in paths["hashseed"]} == {"'order'"}
    joint = {cause["source"]: cause["paths"] for cause in diagnosis_of(project, "joint")["causes"]}
    assert joint == {"entropy": ["outputs['name']"], "clock": ["outputs['name']"]}


def test_the_command_reproduces_a_verdict_that_hangs_on_the_hash_seed(
    project: Project, every: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, outcome = run_all(project, every)
    message = outcome.message("hashseed_seed7[replay]")
    command = re.search(r"to see just this again: PYTHONHASHSEED=(\d+) pytest (.*)", message)
    assert command is not None
    monkeypatch.setenv("PYTHONHASHSEED", command[1])
    project.pytester.chdir()
    again = project.pytester.runpytest_subprocess(*re.sub("'", "", command[2]).split(), "--expops-diagnose=off")
    again.assert_outcomes(failed=1)


def test_a_file_that_runs_leave_is_named_as_likely_and_not_as_proved(project: Project, every: dict[str, Any]) -> None:
    project, outcome = run_all(project, every)
    diagnosis = diagnosis_of(project, "files")
    line = line_of(project, "known = cache.exists()")
    assert diagnosis["causes"] == []
    assert [(Path(each["path"]).name, each["site"]["line"]) for each in diagnosis["read_back"]] == [("cache.txt", line)]
    message = outcome.message("files_seed7[replay]")
    assert "; likely cause: finds `cache.txt`, which it writes too; not deterministic\n" in message
    assert f"likely: finds `cache.txt`, which it writes too\n            models/model.py:{line} os.stat(" in message
    assert "this was seen, not proved: no replay was made without the file\n" in message
    assert "5 replays agree with each other, and not with the first run\n" in message
    assert "why:" not in message


CACHES = """
    import json
    import os
    from pathlib import Path
    from pytest_expops.core import process

    @process()
    def start(data): return {}

    @process()
    def cached(data):
        settings = json.loads(Path("settings.json").read_text())
        cache = Path("cache.json")
        if not cache.exists():
            with cache.open("w") as file:
                file.write(str(os.fstat(file.fileno()).st_ino))
            return {"cached": False, **settings}
        return {"cached": True, **settings}
"""


CHANGING = """
    from pathlib import Path
    from pytest_expops.core import process

    @process()
    def start(data): return {}

    @process()
    def stamped(data):
        cache, new = Path("cache.json"), Path("new.txt")
        if not cache.exists():
            cache.write_text("1")
        new.write_text(cache.read_text())
        return {"at": new.stat().st_mtime_ns}

    @process()
    def counted(data):
        cache, log = Path("cached.json"), Path("log.txt")
        if not cache.exists():
            cache.write_text("1")
        with log.open("a+") as file:
            file.write(cache.read_text())
            file.seek(0)
            return {"runs": len(file.read())}
"""


def test_where_replays_differ_from_one_another_no_file_is_named_that_all_of_them_found_alike(project: Project) -> None:
    project.write("start stamped\nstart counted", CHANGING, SEEDS)
    outcome = project.run("-n0", "--expops-artifacts=kept", diagnose=True)
    assert diagnosis_of(project, "stamped")["read_back"] == []
    assert "why:    not attributed\n" in outcome.message("stamped_seed7[replay]")
    assert [Path(each["path"]).name for each in diagnosis_of(project, "counted")["read_back"]] == ["log.txt"]
    assert "likely: reads `log.txt`, which it writes too\n" in outcome.message("counted_seed7[replay]")


def test_a_diagnosis_touches_no_file_and_blames_none_that_was_there_before(project: Project) -> None:
    project.write("start cached", CACHES, SEEDS)
    settings = project.root / "settings.json"
    settings.write_text('{"rate": 1}', encoding="utf-8")
    before = settings.stat()
    message = project.run("-n0", diagnose=True).message("cached_seed7[replay]")
    assert "likely: finds `cache.json`, which the first run wrote\n" in message
    assert "settings.json" not in message
    cache = project.root / "cache.json"
    assert cache.read_text(encoding="utf-8") == str(cache.stat().st_ino)
    after = settings.stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_a_diagnosis_changes_no_verdict_and_can_be_left_out(project: Project) -> None:
    write(project, "entropy")
    with_it = project.run(diagnose=True)
    without = project.run("--expops-diagnose=off", diagnose=True)
    assert with_it.items == without.items
    assert "why:" in with_it.message("entropy_seed7[replay]")
    assert "why:" not in without.message("entropy_seed7[replay]")
    assert "where:" not in without.message("entropy_seed7[replay]")


def test_what_is_declared_nondeterministic_is_not_diagnosed(project: Project) -> None:
    """S7.3: its author knows why."""
    reasons = {"nondeterministic": {"entropy": "a fresh start each time, issue 12"}}
    project.write("start entropy\nstart clock", SCRIPT, SEEDS, reproducibility=reasons)
    outcome = project.run("--expops-artifacts=kept", diagnose=True)
    assert outcome.where("failed") == {"clock_seed7[replay]"}
    assert diagnosis_of(project, "entropy") is None
    assert diagnosis_of(project, "clock")["causes"]


def test_a_diagnosis_that_runs_out_of_time_says_so(project: Project) -> None:
    write(project, "entropy")
    message = project.run("--expops-diagnose-timeout=0.001", diagnose=True).message("entropy_seed7[replay]")
    assert "why:    not attributed\n" in message
    assert "stopped after 0.001 s (--expops-diagnose-timeout)\n" in message


def test_what_differs_rarely_is_called_rare(project: Project) -> None:
    """The second run of all differs, and no other."""
    body = """
        from pathlib import Path
        from pytest_expops.core import process
        @process()
        def start(data): return {}
        @process()
        def rare(data):
            with open("runs.txt", "a+") as file:
                file.write("x")
                file.seek(0)
                return {"second": len(file.read()) == 2}
    """
    project.write("start rare", body, SEEDS)
    message = project.run(diagnose=True).message("rare_seed7[replay]")
    assert "likely: reads `runs.txt`, which it writes too\n" in message
    assert "12 more replays gave what the first run gave: it differs rarely\n" in message


def test_what_was_found_for_one_duplicate_is_kept_for_the_others(project: Project) -> None:
    seeds = {"start": {"seed_parallelism": {"seeds": [7, 8]}}}
    project.write("start both", SCRIPT, seeds)
    project.run("-n0", "--expops-artifacts=kept", diagnose=True)
    (folder,) = project.root.glob("kept/session-1/1-*")
    known = json.loads((folder / "causes/both.json").read_text(encoding="utf-8"))
    assert {each["source"] for each in known["causes"]} == {"entropy", "hashseed"}


def test_few_replays_show_that_one_cause_is_also_that_of_another_duplicate(project: Project) -> None:
    seeds = {"start": {"seed_parallelism": {"seeds": [7, 8]}}}
    project.write("start entropy", SCRIPT, seeds)
    project.run("-n0", "--expops-artifacts=kept", diagnose=True)
    (folder,) = project.root.glob("kept/session-1/1-*")
    runs = [
        json.loads((folder / f"verdicts/entropy_seed{seed}.json").read_text(encoding="utf-8"))["diagnosis"]["runs"]
        for seed in (7, 8)
    ]
    assert runs[1] == 6 < runs[0]


def test_a_duplicate_that_differs_for_another_reason_is_searched_anew(project: Project) -> None:
    script = """
        import os
        import numpy as np

        def start(data):
            return {}

        def train(data, random_seed):
            if random_seed == 7:
                return {"x": np.random.default_rng().normal()}
            return {"x": sorted(map(str, range(20)), key=hash)}  # hardly ever twice in one order
        """
    project.write("start train", script, {"start": {"seed_parallelism": {"seeds": [7, 8]}}})
    project.run("-n0", "--expops-artifacts=kept", diagnose=True)
    (folder,) = project.root.glob("kept/session-1/1-*")
    found = json.loads((folder / "verdicts/train_seed8.json").read_text(encoding="utf-8"))["diagnosis"]["causes"]
    assert [each["source"] for each in found] == ["hashseed"]


def test_what_several_duplicates_have_in_common_is_told_in_full_once(project: Project) -> None:
    """Each is judged by itself all the same, with its own numbers and evidence."""
    seeds = {"start": {"seed_parallelism": {"seeds": [7, 8, 9]}}}
    project.write("start entropy", SCRIPT, seeds)
    outcome = project.run("-n0", diagnose=True)
    names = [f"entropy_seed{seed}" for seed in (7, 8, 9)]
    assert outcome.where("failed") == {f"{name}[replay]" for name in names}
    first, *others = (outcome.message(f"{name}[replay]") for name in names)
    line = line_of(project, "rng = np.random.default_rng()")
    assert f"where:  models/model.py:{line} in initial" in first
    assert "        fix: " in first
    for each in others:
        (short,) = {told for told in each.splitlines() if told}
        assert short.startswith(f"OS randomness at models/model.py:{line}: outputs['weights'][0]: 3 of 3 elements")
        assert short.endswith("; not deterministic; `entropy_seed7[replay]` tells why")
    cause = f"the operating system's randomness at models/model.py:{line}"
    assert (
        f"\n  3 replays of `entropy` differ: {cause}\n      entropy_seed7: outputs['weights'][0]: 3 of" in outcome.text
    )
    assert "; also entropy_seed8, entropy_seed9\n" in outcome.text
    outcome = project.run("-n0", "-vv", diagnose=True)
    for name in names:
        assert "        fix: " in outcome.message(f"{name}[replay]")
        assert f"::{name}[replay]'" in outcome.message(f"{name}[replay]").splitlines()[-1]


def test_duplicates_that_differ_for_two_reasons_are_told_each_in_full(project: Project) -> None:
    body = """
        import time
        import uuid
        from pytest_expops.core import process
        @process()
        def start(data): return {}
        @process()
        def two(data, hyperparameters):
            if hyperparameters["random_seed"] == 7:
                return {"id": time.time()}
            return {"id": str(uuid.uuid4())}
    """
    project.write("start two", body, {"start": {"seed_parallelism": {"seeds": [7, 8]}}})
    outcome = project.run("-n0", diagnose=True)
    for name, source in (("two_seed7", "the clock"), ("two_seed8", "the operating system's randomness")):
        assert f"why:    {source}\n" in outcome.message(f"{name}[replay]")
    assert "tells why" not in outcome.text


def test_the_diagnosis_is_the_same_on_workers(project: Project) -> None:
    pytest.importorskip("xdist")
    write(project, "entropy", "hashseed")
    outcome = project.run("-n2", "--expops-artifacts=kept", diagnose=True)
    assert outcome.where("failed") == {"entropy_seed7[replay]", "hashseed_seed7[replay]"}
    causes = {name: [each["source"] for each in diagnosis_of(project, name)["causes"]] for name in FAILING[:2]}
    assert causes == {"entropy": ["entropy"], "hashseed": ["hashseed"]}
