"""How the stores speak to Redis: one server, a Sentinel's master, a Cluster. Knows no keys and nobody's rules."""
