"""`register_seeder`, and the entry points by which packages register (S4.3)."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_expops import ExpopsError, register_seeder
from pytest_expops.execution.seeding import _entry_points, task_seeds
from pytest_expops.execution.seeding.task_seeds import preserved, rng_digests, seeded
from tests.conftest import Project

LIBRARY = """
import random
_stream = random.Random()
seed = _stream.seed
draw = _stream.random
getstate = _stream.getstate
setstate = _stream.setstate
"""


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_seeds, "LIBRARIES", dict(task_seeds.LIBRARIES))


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Makes `fake_lib` importable, and returns how to import it."""
    (tmp_path / "fake_lib.py").write_text(LIBRARY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "fake_lib", raising=False)

    def load() -> Any:
        import fake_lib

        return fake_lib

    return load


@pytest.fixture
def library(importable: Callable[[], Any]) -> Any:
    return importable()


def register(library: Any, *, readable: bool = True) -> None:
    functions = {"save": library.getstate, "restore": library.setstate} if readable else {}
    register_seeder("fake", library.seed, module="fake_lib", **functions)


def drawn(seed: int, count: int) -> list[float]:
    stream = random.Random(seed)
    return [stream.random() for _ in range(count)]


def test_a_registered_library_is_seeded_and_put_back(library: Any) -> None:
    register(library)
    library.seed(7)
    with seeded(1):
        obtained = [library.draw()]
        with seeded(2):
            step = library.draw()
        obtained.append(library.draw())
    assert (obtained, step, library.draw()) == (drawn(1, 2), *drawn(2, 1), *drawn(7, 1))


def test_an_unregistered_library_is_not_seeded(library: Any) -> None:
    library.seed(7)
    with seeded(1):
        assert library.draw() == drawn(7, 1)[0]


def test_a_library_without_save_is_started_anew_by_each_step_and_left_unseeded(library: Any) -> None:
    register(library, readable=False)

    def process(draws: int) -> list[float]:
        library.seed(7)
        with seeded(1):
            obtained = [library.draw()]
            for step in (2, 3):
                with seeded(step):
                    for _ in range(draws):
                        library.draw()
                obtained.append(library.draw())
        return [*obtained, library.draw()]

    *one, after = process(0)
    *other, after_again = process(3)
    assert one == other
    assert len({*one, after, after_again, *drawn(7, 1)}) == 6


def test_a_library_that_a_process_imports_is_seeded_then(importable: Callable[[], Any]) -> None:
    calls: list[int] = []
    register_seeder("fake", calls.append, module="fake_lib")
    with seeded(1):
        assert calls == []
        with seeded(2):
            importable()
            assert calls == [1, 2]


def test_a_library_that_is_registered_in_a_process_is_seeded_at_once(library: Any) -> None:
    library.seed(7)
    with seeded(1):
        register(library)
        assert library.draw() == drawn(1, 1)[0]
        with seeded(2):
            library.draw()
        assert library.draw() == drawn(1, 2)[1]
    assert library.draw() == drawn(7, 1)[0]


def test_a_registration_replaces_one_of_its_name(library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    register(library)
    calls: list[int] = []
    register_seeder("fake", calls.append, module="fake_lib")
    library.seed(7)
    with seeded(1):
        assert (library.draw(), calls) == (drawn(7, 1)[0], [1])
    python = random.getstate()
    register_seeder("python", calls.append, module="random")  # one of ours, too
    with seeded(3):
        assert random.getstate() == python


def test_digests_tell_states_that_can_be_read(library: Any) -> None:
    register(library, readable=False)
    assert "fake" not in rng_digests()
    register(library)
    with seeded(1):
        one = rng_digests()["fake"]
        assert rng_digests()["fake"] == one
        library.draw()
        assert rng_digests()["fake"] != one
    register_seeder("fake", library.seed, module="fake_lib", save=lambda: iter([]), restore=lambda state: None)
    assert "fake" not in rng_digests()


def test_code_that_is_no_process_leaves_a_stream_that_can_be_read_as_it_was(library: Any) -> None:
    register(library)
    library.seed(7)
    with preserved():
        library.draw()
    assert library.draw() == drawn(7, 1)[0]


def test_a_module_that_is_still_being_imported_is_not_asked(tmp_path: Path, importable: Callable[[], Any]) -> None:
    """It imports another library that is seeded before it is done itself."""
    (tmp_path / "fake_inner.py").write_text("", encoding="utf-8")
    (tmp_path / "fake_lib.py").write_text("import fake_inner\nstate = 1\n", encoding="utf-8")
    register_seeder("inner", lambda seed: None, module="fake_inner")
    register_seeder(
        "fake",
        lambda seed: setattr(sys.modules["fake_lib"], "state", seed),
        module="fake_lib",
        save=lambda: sys.modules["fake_lib"].state,
        restore=lambda state: setattr(sys.modules["fake_lib"], "state", state),
    )
    with seeded(5):
        assert importable().state == 5
    assert importable().state == 1
    sys.modules.pop("fake_inner")


@pytest.mark.parametrize("function", ["seed", "save", "restore"])
def test_what_a_registered_function_raises_says_whose_it_is(library: Any, function: str) -> None:
    def broken(*_: object) -> None:
        raise OSError("no")

    given: dict[str, Any] = {"seed": library.seed, "save": library.getstate, "restore": library.setstate}
    given[function] = broken
    register_seeder("fake", given.pop("seed"), module="fake_lib", **given)
    message = f"^the function `{function}` of the seeder `fake` raised OSError: no\n"
    with pytest.raises(ExpopsError, match=message), seeded(1):
        pass


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"name": 1}, TypeError, "name is text, not 1"),
        ({"name": ""}, ValueError, "name is empty"),
        ({"module": sys}, TypeError, "module is text, not <module 'sys'"),
        ({"module": "my-lib"}, ValueError, "'my-lib' is not the full name of a module, such as 'mylib.random'"),
        ({"module": ""}, ValueError, "'' is not the full name of a module"),
        ({"seed": None}, TypeError, "seed=None cannot be called"),
        ({"save": 1, "restore": print}, TypeError, "save=1 cannot be called"),
        ({"save": print}, TypeError, "restore is missing: give both save and restore, or neither"),
        ({"restore": print}, TypeError, "save is missing: give both save and restore, or neither"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], error: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"name": "fake", "seed": print, "module": "fake_lib", **given}
    with pytest.raises(error, match=f"^register_seeder: {message}"):
        register_seeder(**arguments)
    assert "fake" not in task_seeds.LIBRARIES


# Entry points


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], None]], None]:
    """Lets a package seem to be installed whose entry point calls `function`."""

    def install(module: str, function: Callable[[], None]) -> None:
        holder: Any = ModuleType("fake_holder")
        holder.register = function
        monkeypatch.setitem(sys.modules, "fake_holder", holder)
        point = EntryPoint(module, "fake_holder:register", _entry_points.GROUP)
        monkeypatch.setattr(_entry_points, "_called", set())
        monkeypatch.setattr(_entry_points, "_entry_points", lambda: (point,))
        monkeypatch.setattr(task_seeds, "seeder_modules", lambda: frozenset([module]))

    return install


def test_an_entry_point_registers_when_its_module_is_there(
    importable: Callable[[], Any], installed: Callable[..., None]
) -> None:
    called = []

    def entry() -> None:
        called.append(1)
        random.random()  # which is not missed
        register(sys.modules["fake_lib"])

    installed("fake_lib", entry)
    with seeded(1):
        assert called == []
        assert importable().draw() == drawn(1, 1)[0]
        assert random.random() == drawn(1, 1)[0]
    with seeded(2):
        assert importable().draw() == drawn(2, 1)[0]
    assert called == [1]


def test_an_entry_point_for_a_module_that_is_there_registers_before_the_first_process(
    library: Any, installed: Callable[..., None]
) -> None:
    installed("fake_lib", lambda: register(library))
    with seeded(1):
        assert library.draw() == drawn(1, 1)[0]


def test_an_entry_point_that_fails_names_itself(library: Any, installed: Callable[..., None]) -> None:
    installed("fake_lib", lambda: register_seeder("", print, module="fake_lib"))
    message = (
        "^the seeder `fake_lib` \\(fake_holder:register, entry point group pytest_expops.seeders\\) cannot be"
        " registered: ValueError: register_seeder: name is empty\n"
    )
    with pytest.raises(ExpopsError, match=message), seeded(1):
        pass


# In a pipeline

SCRIPT = """
import fake_lib
{registration}

def start(data):
    return {{}}

def draw(data):
    return {{"x": fake_lib.draw()}}
"""
REGISTRATION = """
import fake_lib
import pytest_expops
pytest_expops.register_seeder("fake", fake_lib.seed, module="fake_lib")
"""


@pytest.mark.parametrize(
    ("where", "outcome"),
    [("the script", "passed"), ("a module of it", "passed"), ("a conftest", "failed"), ("nowhere", "failed")],
)
def test_a_registration_holds_in_a_replay_if_the_script_makes_it(project: Project, where: str, outcome: str) -> None:
    """The interpreter that replays imports the script, and no conftest."""
    (project.root / "fake_lib.py").write_text(LIBRARY, encoding="utf-8")
    (project.root / "helper.py").write_text(REGISTRATION, encoding="utf-8")
    if where == "a conftest":
        project.pytester.makeconftest(REGISTRATION)
    registration = {"the script": REGISTRATION, "a module of it": "import helper"}.get(where, "")
    project.write("start draw", SCRIPT.format(registration=registration), {"start": {"seed_parallelism": [1]}})
    result = project.run("-p", "no:cacheprovider", "-n0", subprocess=True)
    assert result.items["draw_seed1[replay]"] == outcome
