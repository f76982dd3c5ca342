"""How the service is started: its processes, and the signals that stop them."""
