"""Tables: kept as they came in, typed where they can be, and asked by queries."""
