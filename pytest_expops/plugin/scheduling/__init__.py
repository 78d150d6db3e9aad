"""The dependency-aware xdist scheduler: a graph of items, run on workers in the order that ends soonest."""
