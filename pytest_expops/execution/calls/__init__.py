"""One call of a process function: its inputs, its arguments, and what it logs."""
