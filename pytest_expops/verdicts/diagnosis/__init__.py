"""Why two runs differ, and where they part."""
