"""Run the processes of a pipeline elsewhere than in the workers of pytest: on a cluster."""
