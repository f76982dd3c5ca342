"""Where the service remembers: sessions and codes in Redis, users in SQL. Knows neither HTTP nor the use cases.

Absent, expired and malformed all mean None here; an error means that the store is broken (`ServiceUnavailable`).
"""
