"""A policy document that tests propose, its cases, and a sentence that needs a person at the level enhanced."""

MENTION = "Police said that men who build bombs were arrested."
RULES = """id: house
title: House rules
description: What a test adds.
rules:
  - {id: phones, when: 'finding.rail == "pii" && finding.category == "phone"', then: block, severity: high,
     message: Please leave the number out., legal_basis: [GDPR Art. 25]}
"""
CASES = """cases:
  - {finding: {rail: pii, category: phone, score: 1}, stage: input, level: standard, action: block, rule: house.phones}
"""
