"""The items of a config: one class for each kind of check."""
