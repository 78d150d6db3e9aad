"""Files by what is in them: one module per kind of format, and a registry by suffix in `content`."""
