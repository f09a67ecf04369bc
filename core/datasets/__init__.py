"""The catalog of datasets and what fills it."""
