"""Gateways in front of Latch: the files that are shipped for them, run by the real programs."""
