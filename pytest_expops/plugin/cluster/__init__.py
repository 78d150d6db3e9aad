"""A session whose runs and replays are made on a cluster: what the controller does, and what its workers do."""
