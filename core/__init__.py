"""Models, adapters, retrieval, datasets, training and storage. It has no opinion on what is allowed."""

VERSION = "0.1.0"
__all__ = ["VERSION"]
