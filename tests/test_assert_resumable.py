"""`assert_resumable`: passes where saving loses nothing, and names what it loses where it does."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pytest_expops import CheckError, NotReproducible, assert_resumable

_momentum = 0.0


class Trainer:
    """A model of three numbers, and what training it takes."""

    def __init__(self) -> None:
        self.weights = np.zeros(3)
        self.rate = 0.5
        self.step = 0


def train(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.step += 1
        trainer.weights += trainer.rate / trainer.step


def train_noisily(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.weights += np.random.rand(3)


def train_with_python_noise(trainer: Trainer, steps: int) -> None:
    for _ in range(steps):
        trainer.weights += random.random()


def train_with_hidden_momentum(trainer: Trainer, steps: int) -> None:
    global _momentum
    for _ in range(steps):
        _momentum += 1.0
        trainer.weights += _momentum


def train_by_epoch(trainer: Trainer, steps: int) -> None:
    for index in range(steps):
        trainer.weights += index


def save(trainer: Trainer, folder: str) -> None:
    state = {"weights": trainer.weights.tolist(), "rate": trainer.rate, "step": trainer.step}
    (Path(folder) / "trainer.json").write_text(json.dumps(state), encoding="utf-8")


def load(folder: str) -> Trainer:
    trainer = load_without_step(folder)
    trainer.step = json.loads((Path(folder) / "trainer.json").read_text(encoding="utf-8"))["step"]
    return trainer


def load_without_step(folder: str) -> Trainer:
    state = json.loads((Path(folder) / "trainer.json").read_text(encoding="utf-8"))
    trainer = Trainer()
    trainer.weights, trainer.rate = np.array(state["weights"]), state["rate"]
    return trainer


def save_with_streams(trainer: Trainer, folder: str) -> None:
    streams = np.random.get_state(), random.getstate()
    (Path(folder) / "all.pickle").write_bytes(pickle.dumps((trainer, streams)))


def load_with_streams(folder: str) -> Trainer:
    trainer, (numpy_state, python_state) = pickle.loads((Path(folder) / "all.pickle").read_bytes())
    np.random.set_state(numpy_state)
    random.setstate(python_state)
    return trainer  # type: ignore[no-any-return]


def load_without_streams(folder: str) -> Trainer:
    return pickle.loads((Path(folder) / "all.pickle").read_bytes())[0]  # type: ignore[no-any-return]


def load_nothing(folder: str) -> Trainer:
    raise OSError(f"nothing in {Path(folder).name}")


def failure(run: Any, saving: Any, loading: Any, **keywords: Any) -> str:
    with pytest.raises(NotReproducible) as caught:
        assert_resumable(run, saving, loading, start=Trainer, **keywords)
    return str(caught.value)


def test_what_is_saved_whole_is_resumable() -> None:
    state = assert_resumable(train, save, load, start=Trainer)
    assert state.step == 10


def test_a_counter_that_is_not_restored_is_named() -> None:
    text = failure(train, save, load_without_step, steps=7)
    assert text.startswith("not resumable: state.step: value differs")
    assert "train was run for 7 steps in one go; and for 3, saved, loaded in a fresh" in text
    assert (
        "not restored by loading:\n  state.step: value differs; |delta| = 3.0\n      saved : 3\n      loaded: 0" in text
    )
    assert "random streams" not in text


@pytest.mark.parametrize(
    ("run", "library"),
    [(train_noisily, "`numpy`"), (train_with_python_noise, "Python's module `random`")],
    ids=["numpy", "python"],
)
def test_random_streams_count(run: Any, library: str) -> None:
    assert_resumable(run, save_with_streams, load_with_streams, start=Trainer)
    text = failure(run, save_with_streams, load_without_streams)
    assert f"not restored by loading: the random streams of {library}\n" in text
    assert "state.step" not in text


def test_what_is_kept_in_a_module_is_in_neither() -> None:
    global _momentum
    before, _momentum = _momentum, 0.0
    try:
        text = failure(train_with_hidden_momentum, save_with_streams, load_with_streams)
    finally:
        _momentum = before
    assert "not restored by loading" not in text
    assert "depends on something that is in neither" in text or "saving is not why, or not alone" in text


def test_a_run_that_depends_on_how_its_steps_are_counted_is_told_from_one_that_is_saved_badly() -> None:
    text = failure(train_by_epoch, save_with_streams, load_with_streams)
    assert "saving is not why, or not alone: run for 5 and 5\nsteps without saving" in text
    assert "not restored" not in text


def test_what_cannot_be_loaded_is_told_with_the_users_traceback() -> None:
    text = failure(train, save, load_nothing)
    assert text.startswith("not resumable: what was saved cannot be loaded in a fresh interpreter and run for 5 more")
    assert text.endswith("OSError: nothing in saved")
    assert "pytest_expops" not in text


def test_numbers_may_differ_within_a_tolerance() -> None:
    def load_rounded(folder: str) -> Trainer:
        trainer = load(folder)
        trainer.weights = trainer.weights.round(6)
        return trainer

    assert_resumable(train, save, load_rounded, start=Trainer, atol=1e-5)
    assert "state.weights[0]" in failure(train, save, load_rounded)


def test_what_cannot_be_checked_is_an_error() -> None:
    with pytest.raises(CheckError, match="steps: a whole number from 2 to 1,000,000,000 is expected, not 1"):
        assert_resumable(train, save, load, steps=1)
    with pytest.raises(CheckError, match="load: a function is expected, not NoneType"):
        assert_resumable(train, save, None)  # type: ignore[arg-type]


def test_the_users_own_error_is_raised_as_it_is() -> None:
    def broken(trainer: Trainer, steps: int) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        assert_resumable(broken, save, load, start=Trainer)
