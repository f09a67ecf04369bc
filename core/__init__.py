"""Models, adapters, retrieval, datasets, training and storage. It has no opinion on what is allowed."""

import os

VERSION = "0.1.0"
__all__ = ["VERSION"]

# Before torch is imported: its threads wait for each other by spinning, which on busy cores takes time from the one
# that they wait for. Reading a prompt of 600 tokens by two threads then takes 41 ms on two quiet cores (one thread
# 59, spinning as long as usual 34), and 161 ms beside four busy processes (one thread 150, spinning 381).
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
