"""Random generators: saved, seeded from the task, restored; one library a file."""
