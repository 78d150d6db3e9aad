"""What should run: a config becomes a pipeline, and a pipeline its expanded processes."""
