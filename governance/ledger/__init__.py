"""The tamper-evident ledger, its proofs, and the encrypted content beside it."""
