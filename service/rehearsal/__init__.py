"""`latch rehearse`: the real API behind a network that misbehaves by script, and a judge of what passed on the wire."""
