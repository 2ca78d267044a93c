"""One module per program: reads environment and flags, builds the objects, nothing else."""
