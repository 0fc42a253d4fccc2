"""Alerts: what to think of series, and telling it to others."""
