"""HTTP as bytes: what a request is, where it ends. Knows no routes, no stores and no framework."""
