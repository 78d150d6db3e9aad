"""Functions, tests and programs that are checked without a config."""
