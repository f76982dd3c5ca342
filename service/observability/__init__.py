"""How the service is seen: log lines, the audit trail, metrics, traces. Knows no HTTP and no stores."""
