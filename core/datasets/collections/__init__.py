"""Public collections of datasets, from a local copy."""

from core.datasets.collections.reading import is_collection, read_collection

__all__ = ["is_collection", "read_collection"]
