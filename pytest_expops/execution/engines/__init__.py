"""Where the runs and replays of a session are made."""
