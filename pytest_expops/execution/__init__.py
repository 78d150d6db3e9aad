"""How one process runs, and how each runs at most once."""
