"""Benchmarks: each prints one table with machine, commit and n. `python -m benchmarks` runs all of them."""
