"""Reads files of many formats into text and tables."""

from core.datasets.readers.reading import list_files, read_parts

__all__ = ["list_files", "read_parts"]
