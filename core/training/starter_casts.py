"""Who speaks in the starter model's conversations, and the forms of what they ask. Words only."""

import re

KEYWORD_ASKED = (
    "What does {title} say about {a}?",
    "Tell me about {a}.",
    "{a}?",
    "What is said about {a} and {b}?",
    "Where can I read about {a}?",
    "How does {a} relate to {b}?",
    "what do we know about {a} {b}",
    "Is there anything on {a}?",
    "I need information about {a}, {b}",
)
NAMES = [
    "Ada",
    "Atlas",
    "Beacon",
    "Clio",
    "Desk Help",
    "Guide",
    "Harbour",
    "Iris",
    "Juno",
    "Kestrel",
    "Ledger",
    "Mentor",
    "Nova",
    "Orion",
    "Pilot",
    "Quill",
    "Sage",
]
PURPOSES = (
    "Answers questions about {topic}.",
    "You help {who} with {topic}.",
    "Helps {who} to understand {topic}.",
    "Answers questions that {who} ask about {topic}, and nothing else.",
    "Explains {topic} to {who}. It gives no advice of its own.",
    "Shows {who} where {topic} is described.",
    "Finds facts about {topic} for {who}.",
)
TITLES = ["Assistant", "Guide", "Support", "Desk", "Demo", "Helper", "Agent", "Advisor", "Companion", "Bot"]
HOW = re.compile(r"^(?:how (?:do|can|should) (?:i|we|you)|how to) (.+?)[?.!]*$", re.IGNORECASE)
STEPS = (
    "To {act}, ask the {role} first.",
    "To {act}, follow the steps on page {page}.",
    "If you want to {act}, fill in form {page} and hand it to the {role}.",
    "Staff who {act} use the guide of the {role}.",
)
TOLD = (
    "{asked} The {role} answers this on page {page}.",
    "{asked} See chapter {page}.",
    "Q: {asked} A: Ask the {role} by the end of week {page}.",
)
ROLES = ("help desk", "records office", "line manager", "safety officer", "legal team", "site lead", "press office")
BEFORE = ("", "", "so, ", "ok, ", "well, ", "and ", "great, ", "sorry, ", "dear agent, ", "no, ")
AFTER = ("", "", "?", "!", " then", " today", " please", " everyone", " now", ", dear agent", " for now", " sir")
WHO = [
    "employees",
    "patients",
    "customers",
    "new staff",
    "students",
    "engineers",
    "managers",
    "nurses",
    "visitors",
    "the sales team",
]
