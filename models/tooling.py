"""What `tortoise makemigrations` (make migration) reads. The service does not use it."""

TORTOISE = {
    "connections": {"default": "sqlite://:memory:"},
    "apps": {"models": {"models": ["models"], "default_connection": "default", "migrations": "models.migrations"}},
    "use_tz": True,
    "timezone": "UTC",
}
