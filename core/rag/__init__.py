"""Chunking, embedding, indexes, retrieval, reading, the prompt."""
