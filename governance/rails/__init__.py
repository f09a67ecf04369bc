"""Checks of text: a file per rail, text in, findings out."""
