"""Every key that a config may hold, by place, so that a mistyped one is named instead of ignored (S1.2)."""

from __future__ import annotations

# What concerns only ExpOps's own runtime (S1.1): accepted wherever ExpOps takes it, without effect.
_RUNTIME = frozenset(
    {
        "cache",
        "cluster",
        "cluster_config",
        "compute",
        "compute_config",
        "description",
        "environment",
        "execution",
        "executor",
        "logging",
        "parallel",
        "resources",
    }
)

TOP_LEVEL = _RUNTIME | frozenset(
    {"data", "experiment", "metadata", "model", "reporting", "reproducibility", "scripts", "tracking"}
)
MODEL = _RUNTIME | frozenset({"framework", "language", "name", "parameters", "type", "version"})
MODEL_PARAMETERS = _RUNTIME | frozenset({"custom_script_path", "hyperparameters", "parameters", "pipeline"})
EXPERIMENT = _RUNTIME | frozenset({"hyperparameters", "name", "parameters", "pipeline"})
PIPELINE = _RUNTIME | frozenset({"process_adjlist", "processes"})
REPORTING = _RUNTIME | frozenset({"charts", "dynamic_entrypoint", "entrypoint", "static_entrypoint"})
REPRODUCIBILITY = _RUNTIME | frozenset(
    {"nondeterministic", "properties", "random_seed", "seed", "stability", "tolerance"}
)
STABILITY_BOUNDS = (
    "min_mean",
    "max_mean",
    "min_std",
    "max_std",
    "max_range",
    "max_cv",
    "min_value",
    "max_value",
)
"""What can be claimed of a metric over seeds, in the order in which it is shown."""
_EVERY_LAW = frozenset({"atol", "examples", "keys", "rtol", "seconds"})
_OF_SPLITS = frozenset({"max_partitions", "min_rows", "of"})
PROPERTIES = {
    "partition_invariant": _EVERY_LAW | _OF_SPLITS,
    "order_invariant": _EVERY_LAW | frozenset({"key", "of"}),
    "seed_invariant": _EVERY_LAW,
    "batch_consistent": _EVERY_LAW | _OF_SPLITS,
}
"""The laws that can be checked on a process, with the options of each."""
STABILITY = frozenset({*STABILITY_BOUNDS, "better", "confidence", "margin", "over"})
DATA_PARALLELISM = frozenset({"aggregation", "data_name", "size"})
SEED_PARALLELISM = frozenset({"aggregation", "scope", "seeds"})

METRIC = frozenset({"fn", "from_result", "inputs", "kwargs", "name", "parameters", "params"})
ITERATIVE_LOGGING = frozenset({"eval_split", "metric_name"})
REPORTED_CHART = _RUNTIME | frozenset({"chart_type", "name", "probe_paths", "type"})

PROCESS = _RUNTIME | frozenset(
    {
        "chart_type",
        "code",
        "code_function",
        "component",
        "data_aggregation",
        "data_parallelism",
        "hyperparameters",
        "input_transform",
        "inputs",
        "isolate",
        "iterative_logging",
        "memory",
        "metrics",
        "name",
        "output_mapping",
        "outputs",
        "parameters",
        "probe_paths",
        "replay",
        "replay_reason",
        "resources",
        "script",
        "seed_aggregation",
        "seed_parallelism",
        "timeout",
        "type",
    }
)
