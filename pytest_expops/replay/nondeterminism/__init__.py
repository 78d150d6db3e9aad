"""The sources of variation: what a replay may find otherwise than the first run, and a diagnosis may hold fixed."""
