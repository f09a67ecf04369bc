"""The steps of an ingest, a file each: what is there, read it, store it, index it, show it."""
