"""Laws that a process must obey when partitions, order, seeds or batches change."""
