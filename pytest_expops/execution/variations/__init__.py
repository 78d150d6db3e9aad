"""Running a variation of a pipeline in memory: other partitions, seeds, outputs or parameters."""
