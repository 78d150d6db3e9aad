"""Charts: what they get, where their images go, and that one without an image fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from pytest_expops.execution.declared.charts import chart_folder, images_in
from tests.expops.running import Ran, config, run

SCRIPT = """
from expops.core import log_metric, process, step

@process()
def load():
    @step()
    def read():
        log_metric("rows", 3)
        log_metric("rows", 4)
        log_metric("histogram", {0: 2, 1: 5})
        return {}
    read()
    log_metric("loss", 0.5, step=10)
    log_metric("word", "w")
    return {"rows": [1, 2, 3]}

@process()
def part(rows):
    log_metric("size", len(rows))
    return {}
"""
PART = """
- name: load
- {name: split, data_parallelism: {size: 2, data_name: rows}}
- name: part
"""
KEEP = """
import json
from pathlib import Path

from expops.reporting import ChartContext, chart

def _keep(metrics, **more):
    Path("kept.png").write_bytes(b"image")
    Path("kept.json").write_text(json.dumps({"metrics": metrics, "folder": str(Path.cwd()), **more}))
"""


def _ran(tmp_path: Path, probes: str, charts: str, edges: str = "load plot") -> Ran:
    processes = f"{PART}\n- {{name: plot, code: reporting.plot, probe_paths: {{{probes}}}}}"
    return run(tmp_path, config(edges + "\nload split\nsplit part", processes), SCRIPT, KEEP + charts)


def _kept(ran: Ran, name: str = "plot") -> dict[str, Any]:
    import json

    assert ran.outputs(name) == {}
    kept: dict[str, Any] = json.loads((chart_folder(ran.session.folder, name) / "kept.json").read_text())
    return kept


def test_it_gets_numbers_by_step_and_everything_else_as_it_is(tmp_path: Path) -> None:
    """Keys are texts; a step's metrics are not its process's."""
    charts = "@chart()\ndef plot(metrics):\n    _keep(metrics)\n"
    probes = "process: \"//*[@name='load']\", step: load/read, by_itself: \"//*[@name='read']\", nothing: load/no"
    of_step = {"rows": {"1": 3.0, "2": 4.0}, "histogram": {"0": 2, "1": 5}}
    assert _kept(_ran(tmp_path, probes, charts))["metrics"] == {
        "process": {"loss": {"10": 0.5}, "word": "w"},
        "step": of_step,
        "by_itself": of_step,
        "nothing": {},
        "load": {"loss": {"10": 0.5}, "word": "w"},
        "load__2": of_step,
    }


def test_it_gets_several_places_by_their_paths_though_it_is_not_downstream_of_them(tmp_path: Path) -> None:
    charts = "@chart()\ndef plot(metrics):\n    _keep(metrics)\n"
    assert _kept(_ran(tmp_path, "parts: \"//*[@name='part']\"", charts))["metrics"] == {
        "//*[@partition='p1']/process[@name='part']": {"size": {"1": 2.0}},
        "//*[@partition='p2']/process[@name='part']": {"size": {"1": 1.0}},
        "part": {"size": {"1": 2.0}},
        "part__2": {"size": {"1": 1.0}},
    }


def test_keys_of_probes_go_before_names_of_processes(tmp_path: Path) -> None:
    charts = "@chart()\ndef plot(metrics):\n    _keep(metrics)\n"
    probes = "part: load, load: \"//*[@name='part']\""
    assert _kept(_ran(tmp_path, probes, charts))["metrics"]["part"] == {"loss": {"10": 0.5}, "word": "w"}


@pytest.mark.parametrize(
    "signature", ["metrics, ctx", "metrics, ctx=None", "m, /, context", "*both", "metrics, *, ctx"]
)
def test_it_gets_the_context_where_it_takes_one(tmp_path: Path, signature: str) -> None:
    given = {"m, /, context": "m, context", "*both": "*both"}.get(signature, "metrics, ctx")
    charts = f"""
@chart()
def plot({signature}):
    def keep(metrics, ctx):
        assert isinstance(ctx, ChartContext) and ctx.metrics == metrics
        _keep(metrics, ctx=[str(ctx.output_dir), ctx.project_id, ctx.run_id, ctx.chart_name])
    keep({given})
"""
    ran = _ran(tmp_path, "a: load", charts)
    kept, folder = _kept(ran), chart_folder(ran.session.folder, "plot")
    assert (kept["folder"], kept["ctx"]) == (str(folder), [str(folder), tmp_path.name, "pytest-expops", "plot"])


def test_a_function_is_found_by_the_name_that_its_decorator_gives(tmp_path: Path) -> None:
    charts = (
        "@chart(name='plot')\ndef drawn(metrics):\n    _keep(metrics)\n\n@chart()\ndef other(metrics):\n    1 / 0\n"
    )
    assert _kept(_ran(tmp_path, "a: load", charts))["metrics"]["a"]["word"] == "w"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("pass", "ChartError: chart `plot` wrote no image"),
        ("Path('report.txt').write_text('none')", "ChartError: chart `plot` wrote `report.txt`, but no image"),
        ("Path('empty.png').touch()", "ChartError: chart `plot` wrote `empty.png`, but no image"),
        ("Path(metrics['elsewhere']).write_text('x')", "KeyError: 'elsewhere'"),
    ],
)
def test_one_that_writes_no_image_fails(tmp_path: Path, body: str, says: str) -> None:
    charts = f"@chart()\ndef plot(metrics):\n    {body}\n"
    failure = _ran(tmp_path, "a: load", charts).failure("plot")
    assert failure.splitlines()[0] == says


def test_its_failure_names_the_probes_that_found_nothing(tmp_path: Path) -> None:
    charts = "@chart()\ndef plot(metrics):\n    if metrics['a']:\n        _keep(metrics)\n"
    failure = _ran(tmp_path, "a: part/fit, b: load", charts).failure("plot")
    assert "wrote no image; nothing was logged where these probes look: `part/fit`" in failure


def test_what_an_earlier_drawing_left_does_not_count(tmp_path: Path) -> None:
    charts = "@chart()\ndef plot(metrics):\n    pass\n"
    ran = _ran(tmp_path, "a: load", charts)
    folder = chart_folder(ran.session.folder, "plot")
    folder.mkdir(parents=True)
    (folder / "old.png").write_bytes(b"image")
    assert "wrote no image" in ran.failure("plot")


def test_what_is_probed_must_pass(tmp_path: Path) -> None:
    """S6.3"""
    charts = "@chart()\ndef plot(metrics):\n    _keep(metrics)\n"
    ran = _ran(tmp_path, "a: part", charts)
    (tmp_path / "src/model.py").write_text(SCRIPT.replace('log_metric("size",', "raise ValueError("))
    assert ran.record("plot").roots == ("part_1", "part_2")


def test_the_working_directory_and_the_environment_are_as_before(tmp_path: Path) -> None:
    before = os.getcwd(), dict(os.environ)
    _kept(_ran(tmp_path, "a: load", "@chart()\ndef plot(metrics):\n    _keep(metrics)\n"))
    assert (os.getcwd(), dict(os.environ)) == before


MATPLOTLIB = """
import matplotlib.pyplot as plt

@chart()
def plot(metrics, ctx):
    fig, ax = plt.subplots(figsize=(1, 1))
    ax.plot([1, 2])
    {save}
    Path("backend.txt").write_text(plt.get_backend())
"""


@pytest.mark.parametrize(
    "save", ["plt.savefig('own.png')", "ctx.savefig('own.png')", "ctx.savefig('own.png', fig=fig, dpi=50)"]
)
def test_matplotlib_draws_without_a_screen_and_its_figures_end_with_the_chart(
    tmp_path: Path, save: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setenv("MPLBACKEND", "svg")
    pyplot.switch_backend("svg")
    mine = pyplot.figure()
    try:
        ran = _ran(tmp_path, "a: load", MATPLOTLIB.format(save=save))
        assert ran.outputs("plot") == {}
        folder = chart_folder(ran.session.folder, "plot")
        assert [path.name for path in images_in(folder)] == ["own.png"]
        assert (folder / "own.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "backend.txt").read_text().lower() == "agg"
        assert pyplot.get_fignums() == [mine.number]
        assert pyplot.get_backend() == "svg"
    finally:
        pyplot.close("all")
        pyplot.switch_backend("agg")


COMPONENTS = """
- name: load
- name: bars
  component: matplotlib.BarChart.render
  probe_paths: {one: load, two: load/read, none: load/no}
  parameters: {title: T, grid: true, ylim: [0, 5], probe_bar_metric: rows}
- name: histogram
  component: matplotlib.Histogram.render
  probe_paths: {one: load/read}
  parameters: {bins: 3, probe_metric: rows}
- name: missing
  component: matplotlib.BarChart.render
  probe_paths: {one: load}
  parameters: {probe_bar_metric: rows}
- name: mistyped
  component: matplotlib.BarChart.render
  probe_paths: {one: load}
  parameters: {probe_bar_metric: loss, titel: T}
- {name: unprobed, component: matplotlib.BarChart.render}
"""


def test_charts_of_the_library_matplotlib(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ran = run(tmp_path, config("load", COMPONENTS), SCRIPT)
    for name in ("bars", "histogram"):
        assert ran.outputs(name) == {}
        assert [path.name for path in images_in(chart_folder(ran.session.folder, name))] == [f"{name}.png"]
    assert ran.failure("missing") == "ComponentError: no probe has the metric `rows`; there are: `loss`, `word`"
    assert "has no parameter `titel`; did you mean `title`?" in ran.failure("mistyped")
    assert "component `matplotlib.BarChart.render` is a chart, and needs `probe_paths`" in ran.failure("unprobed")
