"""How a session becomes a report: what items note, what the controller gathers, and where it is written."""
