"""Decides, checks, records and scores; owns the one door to the model."""
