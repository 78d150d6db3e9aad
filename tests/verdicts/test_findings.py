"""What a diagnosis found, as it is kept, and how sure it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_expops.verdicts.findings import Cause, CodeLine, Count, Diagnosis, Place, ReadBack, Tried, Unheld
from pytest_expops.verdicts.replay import ReplayStatus, Verdict

SITE = CodeLine("models/model.py", 42, "weights", "uuid.uuid4()", "name = uuid.uuid4()")
CAUSES = (
    Cause("entropy", ("outputs['id']",), Count(5, 5), Count(0, 5), (SITE,), "seed it"),
    Cause("state", ("outputs['n']",), Count(4, 4), Count(1, 5), (), "keep it", "left by `prepare`"),
)
WHOLE = Diagnosis(
    Place("models/model.py", 42, "weights", "fit", "variable name", "name = uuid.uuid4()"),
    CAUSES,
    (Tried(("clock",), Count(0, 2)), Tried(("clock", "entropy"), Count(2, 2))),
    runs=19,
    seconds=2.5,
    complete=False,
    note="stopped",
    hash_seed=7,
    read_back=(ReadBack("cache.json", "first run", SITE),),
    threads={"gensim": 4},
    unheld=(Unheld("threads", "gensim", 4),),
    file_remedy="write elsewhere",
)


@pytest.mark.parametrize("diagnosis", [WHOLE, Diagnosis(), None])
def test_a_verdict_with_its_diagnosis_survives_json(diagnosis: Diagnosis | None) -> None:
    verdict = Verdict("train", ReplayStatus.DIFFERED, 1, varied=("clock",), diagnosis=diagnosis)
    assert Verdict.from_json(json.loads(json.dumps(verdict.to_json()))) == verdict


def test_only_a_difference_that_hangs_on_the_hash_seed_names_one_to_reproduce_it() -> None:
    assert Verdict("p", ReplayStatus.DIFFERED, 1, diagnosis=WHOLE).reproducing_hash_seed == 7
    assert Verdict("p", ReplayStatus.DIFFERED, 1, diagnosis=Diagnosis()).reproducing_hash_seed is None
    assert Verdict("p", ReplayStatus.DIFFERED, 1).reproducing_hash_seed is None


@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_the_chance_is_that_of_fishers_exact_test(of: int, other_of: int, data: st.DataObject) -> None:
    stats = pytest.importorskip("scipy.stats")
    agree, other = data.draw(st.integers(0, of)), data.draw(st.integers(0, other_of))
    table = [[agree, of - agree], [other, other_of - other]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert Count(agree, of).chance(Count(other, other_of)) == pytest.approx(expected)


def test_five_of_five_against_none_of_five_is_told_from_chance_and_against_four_is_not() -> None:
    assert Count(5, 5).chance(Count(0, 5)) == pytest.approx(1 / 252)
    assert Count(5, 5).chance(Count(4, 5)) == pytest.approx(0.5)
