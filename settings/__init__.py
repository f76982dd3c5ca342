"""The settings by subject, each with its unit, default, bounds and complaint. Knows neither the environment nor `.env`.

`config.py` joins them and reads their values.
"""
