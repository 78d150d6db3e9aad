"""Results of earlier sessions, used in place of a run where everything that they were made from is as it was."""
