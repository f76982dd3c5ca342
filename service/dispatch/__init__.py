"""Sends what the outbox holds to other systems, in one worker at a time. Knows neither HTTP routes nor Redis keys."""
