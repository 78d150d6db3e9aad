"""Reading a config file into the model: one reader per section, and every error at its place."""
