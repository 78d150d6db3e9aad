"""How a process is run again, in a fresh interpreter, and under which conditions."""
