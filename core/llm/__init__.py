"""Engines, model profiles, permits, quoting, adapters."""
