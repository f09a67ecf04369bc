"""Training of the starter model and of adapters."""
