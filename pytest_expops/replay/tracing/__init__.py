"""Watch one run of a process: every call of a function in project files, or every line of one such call.

Two such traces are compared by `verdicts/diagnosis/_divergence.py`, to say where two runs first differ.
"""

from pytest_expops.replay.tracing._trace import Call, Line, Target, Trace
from pytest_expops.replay.tracing._tracer import Tracer

__all__ = ["Call", "Line", "Target", "Trace", "Tracer"]
