"""How work is run: asyncio alone. Knows no HTTP and no store."""
