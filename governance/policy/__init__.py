"""Policy documents, conditions and decisions."""
