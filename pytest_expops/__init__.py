"""Every data partition x random seed of a pipeline becomes a test of whether its result can be reproduced."""
