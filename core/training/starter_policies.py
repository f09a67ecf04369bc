"""Made-up policies and tables for training: rules with figures and the questions that they answer.

Everything is drawn from a seeded generator; no rule or price describes a real organisation.
"""

import json
from calendar import month_name
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from string import Formatter
from zlib import crc32

from core.training.starter_sources import Passage, Question

_FACTS = Path(__file__).resolve().parents[2] / "data" / "training"
_ITEMS = [
    "meals",
    "hotel nights",
    "taxi rides",
    "train tickets",
    "laptops",
    "monitors",
    "headsets",
    "books",
    "training courses",
    "phone bills",
    "parking",
    "visas",
    "office chairs",
    "software licences",
    "client gifts",
    "conference fees",
    "mileage",
    "home internet",
    "gym membership",
    "uniforms",
    "safety shoes",
    "tools",
    "vaccinations",
    "relocation",
    "childcare",
    "bicycles",
    "printers",
    "samples",
    "shipping",
    "translations",
]
_ROLES = [
    "line manager",
    "head of finance",
    "safety officer",
    "data steward",
    "ward nurse",
    "site lead",
    "shift supervisor",
    "librarian",
    "duty doctor",
    "warehouse clerk",
    "help desk",
    "legal team",
    "records office",
    "project lead",
    "quality team",
    "training coordinator",
]
_TOPICS = [
    "Travel",
    "Expenses",
    "Leave",
    "Security",
    "Purchasing",
    "Remote work",
    "Health and safety",
    "Data retention",
    "Visitors",
    "Equipment",
    "Training",
    "Complaints",
    "Warranty",
    "Returns",
    "Delivery",
    "Appointments",
    "Medication",
    "Laboratory",
    "Library",
    "Parking",
]
_KINDS = ["policy", "handbook", "rules", "guide", "manual", "procedure", "FAQ", "leaflet", "code", "standard"]

# sentence, questions; the slots are filled alike in both
_RULES = (
    (
        "{Item} are paid up to {money} {per}.",
        ("How much can I spend on {item}?", "What is the limit for {item}?", "is there a cap on {item}"),
    ),
    (
        "Claims for {item} must reach the {role} within {days} days.",
        (
            "When do I have to hand in claims for {item}?",
            "how long do I have to claim {item}",
            "Who gets my {item} claim?",
        ),
    ),
    (
        "The {role} approves {item} above {money}.",
        ("Who approves {item} above {money}?", "whose approval do I need for expensive {item}?"),
    ),
    (
        "{Item} need a receipt from {money} upwards.",
        ("Do I need a receipt for {item}?", "From what amount is a receipt needed for {item}?"),
    ),
    (
        "Requests for {item} are answered by the {role} in {days} working days.",
        ("How long does a request for {item} take?", "Who answers requests for {item}?"),
    ),
    (
        "{Item} can be returned within {days} days if the seal is unbroken.",
        ("Can I return {item}?", "how many days do I have to send back {item}"),
    ),
    (
        "The warranty on {item} lasts {months} months from delivery.",
        ("How long is the warranty on {item}?", "What warranty do {item} have?"),
    ),
    (
        "Employees get {days} days of leave for {item} each year.",
        ("How many days of leave do I get for {item}?", "leave for {item}?"),
    ),
    (
        "Records about {item} are kept for {months} months and then deleted.",
        ("How long are records about {item} kept?", "When are records about {item} deleted?"),
    ),
    (
        "Faulty {item} are reported to the {role} on the same day.",
        ("Who do I tell about faulty {item}?", "What do I do with faulty {item}?"),
    ),
    (
        "A discount of {percent} applies to {item} ordered before {date}.",
        ("Is there a discount on {item}?", "What discount do I get on {item}?", "until when are {item} discounted"),
    ),
    (
        "{Item} are not covered, unless the {role} agreed in writing.",
        ("Are {item} covered?", "who can make an exception for {item}?"),
    ),
    (
        "Since {date}, {item} are handled by the {role}.",
        ("Who handles {item}?", "Since when does the {role} handle {item}?"),
    ),
    (
        "Orders of {item} above {days} pieces ship free of charge.",
        ("When do {item} ship free?", "how many {item} do I have to order for free shipping"),
    ),
    (
        "The {role} checks {item} every {months} months.",
        ("How often are {item} checked?", "Who checks {item}?"),
    ),
    (
        "Lost {item} cost the holder {money}.",
        ("What happens if I lose {item}?", "What do lost {item} cost?"),
    ),
)
_FOLLOW_UPS = ("And {item}?", "What about {item}?", "and for {item}?", "How about {item}?")
_ALSO = ("And {question}", "and {question}", "Also, {question}", "also {question}")
_COLUMNS = (
    (
        "Price",
        ("What is the price of {key}?", "How much does {key} cost?", "price of {key}", "what do you charge for {key}"),
    ),
    ("Stock", ("How many of {key} are in stock?", "Is {key} in stock?", "stock of {key}?")),
    ("Weight kg", ("How heavy is {key}?", "What does {key} weigh?")),
    ("Delivery days", ("How long does delivery of {key} take?", "When would {key} arrive?")),
    ("Contact", ("Who is responsible for {key}?", "Whom do I contact about {key}?")),
    ("Opened", ("When was {key} opened?", "since when does {key} exist")),
    ("Rating", ("How is {key} rated?", "What rating does {key} have?")),
)
_KEYS = ("Item", "Product", "Name", "Site", "Part", "Service", "Course", "Room")
_PARTS = (
    "laser,water,steel,oak,north,river,solar,quiet,rapid,hand,field,garden,copper,glass,winter,coastal,compact,heavy",
    "cutter,pump,lamp,desk,filter,scanner,kit,valve,drill,sensor,cart,shelf,clinic,depot,press,mixer,fan,panel",
)
FactKey = tuple[str, ...]
"""A fact's name and the values that all its questions name: sentences with the same key answer the same questions."""
ROW = "row"  # instead of a fact's name, where a row of a table tells it


@dataclass(frozen=True, slots=True)
class Sheet:
    """One made-up document: a passage and every question that a sentence of it answers.

    Attributes:
        keys: What each sentence tells, in order.
        follow_ups: For each question a shorter one that asks for the same sentence.
        earlier: For each follow-up a question that it can be asked behind.
        near: Passages that look alike and answer none of the questions.
    """

    passage: Passage
    questions: tuple[Question, ...]
    keys: tuple[FactKey, ...]
    follow_ups: tuple[str, ...]
    earlier: tuple[str, ...]
    near: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact with open slots: its wordings and the questions that it answers."""

    name: str
    domain: str
    sentences: tuple[str, ...]
    questions: tuple[str, ...]
    heading: str = ""

    @property
    def held_out(self) -> bool:
        """Whether the fact is kept for evaluation: about one in ten, fixed by its name."""
        return crc32(self.name.encode()) % 10 == 0

    @property
    def subject(self) -> tuple[str, ...]:
        """The slots that every question names, sorted; none where the fact is about one thing only."""
        slots = (set(_slots(question)) for question in self.questions)
        return tuple(sorted(set.intersection(*slots)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """A fact with its slots filled."""

    key: FactKey
    sentence: str
    questions: tuple[str, ...]
    follow_up: str


@cache
def load_facts() -> tuple[Fact, ...]:
    """Return the general rules and the facts of `data/training/facts_*.jsonl`."""
    rules = [Fact(f"rule-{n}", "", (text,), questions) for n, (text, questions) in enumerate(_RULES)]
    lines = [line for path in sorted(_FACTS.glob("facts_*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return (*rules, *(_read(json.loads(line)) for line in lines if line))


def _read(row: dict[str, list[str] | str]) -> Fact:
    return Fact(
        str(row["id"]),
        str(row["domain"]),
        tuple(row["sentences"]),
        tuple(row["questions"]),
        str(row.get("heading", "")),
    )


def build_policy(random: Random, *, rules: int, held_out: bool = False) -> Sheet:
    """Make a policy of up to so many rules, each about another thing.

    Args:
        random: Where every choice is drawn from.
        rules: How many rules are wanted; fewer come where the pool is smaller.
        held_out: Draw from the facts kept for evaluation, which are otherwise never used.
    """
    pool = [fact for fact in load_facts() if fact.held_out == held_out]
    facts = random.sample(pool, min(rules, len(pool)))
    items = random.sample(_ITEMS, 2 * len(facts))
    picked = [_fill(random, item, fact=fact) for item, fact in zip(items, facts, strict=False)]
    passage = _page(random, [rule.sentence for rule in picked])
    questions = tuple(Question(random.choice(rule.questions), passage, i) for i, rule in enumerate(picked))
    near = {
        place: _fill_otherwise(random, item, fact=fact, key=picked[place].key)
        for place, (fact, item) in enumerate(zip(facts, items[len(facts) :], strict=True))
        if fact.subject
    }
    return Sheet(
        passage,
        questions,
        tuple(rule.key for rule in picked),
        tuple(rule.follow_up for rule in picked),
        tuple(_earlier(random, questions, at=place, near=near.get(place)) for place in range(len(picked))),
        (_page(random, [rule.sentence for rule in near.values()]),) if near else (),
    )


def _earlier(random: Random, questions: tuple[Question, ...], *, at: int, near: _Rule | None) -> str:
    """Return the same question about another thing; where there is none, another question of the page."""
    if near is not None:
        return random.choice(near.questions)
    others = [question.text for place, question in enumerate(questions) if place != at]
    return random.choice(others or [questions[at].text])


def _page(random: Random, sentences: list[str]) -> Passage:
    topic = random.choice(_TOPICS)
    return Passage(
        document=f"{topic} {random.choice(_KINDS)}",
        place=f"{topic} > {random.choice(_TOPICS)}",
        sentences=tuple(sentences),
        joiner=random.choice((" ", " ", "\n", "\n- ")),
    )


def build_table(random: Random, *, rows: int) -> Sheet:
    """Make a table whose rows read `Item: x | Price: y`."""
    key, columns = random.choice(_KEYS), random.sample(_COLUMNS, random.randint(1, 4))
    names = _names(random, rows)
    lines = [f"{key}: {name} | " + " | ".join(f"{c[0]}: {_cell(random, c[0])}" for c in columns) for name in names]
    document = f"{random.choice(_TOPICS)} {random.choice(('list', 'table', 'register', 'catalogue', 'prices'))}"
    first = random.randint(1, 90)
    passage = Passage(document, f"rows {first}-{first + rows - 1}", tuple(lines), "\n")
    asked = (random.choice(random.choice(columns)[1]).format(key=f"the {name}") for name in names)
    questions = tuple(Question(text, passage, i) for i, text in enumerate(asked))
    follow_ups = tuple(random.choice(_FOLLOW_UPS).format(item=f"the {name}") for name in names)
    earlier = tuple(_earlier(random, questions, at=i, near=None) for i in range(len(names)))
    return Sheet(passage, questions, tuple((ROW, name) for name in names), follow_ups, earlier)


def _fill_otherwise(random: Random, item: str, *, fact: Fact, key: FactKey) -> _Rule:
    """Fill a fact so that it does not answer what the filling with this key answers."""
    while (rule := _fill(random, item, fact=fact)).key == key:
        pass
    return rule


def _fill(random: Random, item: str, *, fact: Fact) -> _Rule:
    sentence = (f"{fact.heading}: " if fact.heading else "") + random.choice(fact.sentences)
    slots = {
        "item": item,
        "Item": item[0].upper() + item[1:],
        "money": _money(random),
        "per": random.choice(("a day", "a week", "a month", "a year", "per trip", "per person")),
        "days": str(random.choice((2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90))),
        "months": str(random.choice((3, 6, 12, 18, 24, 36, 60, 120))),
        "percent": f"{random.choice((3, 5, 8, 10, 12, 15, 20, 25))} %",
        "date": _date(random),
        "role": random.choice(_ROLES),
        "weeks": str(random.randint(4, 52)),
        "hours": str(random.choice((2, 4, 6, 8, 12, 24, 48))),
        "minutes": str(random.choice((5, 10, 15, 20, 30))),
        "count": str(random.randint(3, 24)),
        "code": f"{random.choice('EFH')}{random.randint(10, 99)}",
        "year": str(random.randint(1890, 2020)),
    }
    questions = tuple(question.format(**slots) for question in fact.questions)
    about = [slots[name] for name in fact.subject]
    if about:
        follow_up = random.choice(_FOLLOW_UPS).format(item=" and ".join(about))
    else:
        follow_up = random.choice(_ALSO).format(question=_inside(random.choice(questions)))
    return _Rule((fact.name, *about), sentence.format(**slots), questions, follow_up)


def _slots(template: str) -> list[str]:
    return [name.lower() for _, name, _, _ in Formatter().parse(template) if name]


def _inside(question: str) -> str:
    """Return a question as it stands inside a sentence: without its capital, unless an acronym opens it."""
    return question if question[1:2].isupper() else question[:1].lower() + question[1:]


def _names(random: Random, count: int) -> list[str]:
    first, second = (part.split(",") for part in _PARTS)
    made: dict[str, None] = {}
    while len(made) < count:
        code = (
            f" {random.choice('ABKLMTX')}{random.choice('CDRSX')}-{random.randint(1, 99)}"
            if random.random() < 0.5
            else ""
        )
        made[f"{random.choice(first)} {random.choice(second)}{code}"] = None
    return list(made)


def _cell(random: Random, column: str) -> str:
    return {
        "Price": _money(random),
        "Contact": random.choice(_ROLES),
        "Opened": _date(random),
        "Rating": f"{random.randint(10, 50) / 10}",
    }.get(column, str(random.randint(1, 400)))


def _money(random: Random) -> str:
    amount = random.choice((random.randint(5, 99), random.randint(10, 99) * 10, random.randint(10, 90) * 100))
    return f"{amount:,} {random.choice(('USD', 'USD', 'EUR', 'GBP', 'CHF'))}"


def _date(random: Random) -> str:
    return f"{random.randint(1, 28)} {month_name[random.randint(1, 12)]} {random.randint(1998, 2031)}"
