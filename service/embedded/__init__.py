"""The Redis that comes along: what keeps its data sound."""
