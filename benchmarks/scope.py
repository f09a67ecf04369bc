"""What an agent of stated scope leaves to others, rightly and wrongly: `python -m benchmarks.scope`.

The shipped agents are asked the starter questions of their own datasets, those of other agents, and public questions
that are about neither (in the folder that EVALDATA names; without it these are not measured). It measures no language
model.
"""

import json
import os
import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import describe_machine
from core.config import Settings
from core.datasets.dataset_manager import DatasetManager
from core.encoder.sentence_encoder import SentenceEncoder
from core.rag.embedding import Embedder
from core.rag.lexical import open_lexical
from core.rag.question import stands_alone
from core.rag.reader import Reader
from core.rag.retriever import HybridRetriever
from core.rag.vectors import open_vectors
from core.schema import Message
from core.store.database import Store
from core.store.migrate import open_store
from core.store.tables import Dataset
from governance.rails import Scope
from governance.rails.scope import LEAST
from governance.schema import AgentView
from governance.scorecard import wilson
from governance.seed import DATASETS, load_starter_agents

QUESTIONS = DATASETS.parent / "questions" / "starter.jsonl"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
OTHERS = 25  # questions of each kind that are asked of each agent
TOP_K = 4
HIGHER = 0.2  # another threshold, to compare with


def main() -> None:
    """Ingest into a new folder, ask, print the tables."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        store, embedder = open_store(settings.sqlalchemy_url()), Embedder()
        vectors, lexical = open_vectors(settings), open_lexical(settings)
        encoder = SentenceEncoder()
        manager = DatasetManager(store, vectors, lexical, embedder, encoder, clock=lambda: datetime.now(UTC))
        manager.ingest_all(DATASETS)
        retriever = HybridRetriever(
            store, vectors, lexical, embedder, encoder, Reader(lexical), threshold=settings.answerable_threshold
        )
        scope = Scope(embedder.embed, about=lambda agent: intake(store, agent), stands_alone=stands_alone)
        print(describe_machine() + "\n")
        print(f"{'':48}{'left':>8}{'answered':>10}{'n':>6}   left, 95 %")
        for name, asked in questions_for(starter_agents()).items():
            left, answered = [], []
            for agent, text in asked:
                question = [Message("user", text)]
                found = retriever.retrieve(question, dataset_ids=agent.dataset_ids, top_k=TOP_K).evidence
                answered.append(bool(found))
                left.append(not found and scope.check_question(question, agent) is not None)
            low, high = wilson(sum(left), len(left))
            print(f"{name:48}{sum(left):>8}{sum(answered):>10}{len(left):>6}   {100 * low:.1f} to {100 * high:.1f} %")
        print_likeness(scope, questions_for(starter_agents()))
        store.close()


def starter_agents() -> list[AgentView]:
    """Return the agents that ship, of stated scope."""
    return [
        AgentView(
            id=each.name,
            owner_id="nobody",
            name=each.name,
            purpose=each.purpose,
            profile=each.profile,
            adapter=None,
            level=each.level,
            style=each.style,
            dataset_ids=each.dataset_ids,
            created_at=NOW,
            updated_at=NOW,
            scope="stated",
        )
        for each in load_starter_agents()
    ]


def intake(store: Store, agent: AgentView) -> tuple[str, ...]:
    """Return what an agent is for, as `Agents.intake` does."""
    with store.read() as session:
        rows = [session.get_one(Dataset, each) for each in agent.dataset_ids]
        return (f"{agent.name}. {agent.purpose}", *(f"{row.title}. {row.description}" for row in rows))


def questions_for(agents: Sequence[AgentView]) -> dict[str, list[tuple[AgentView, str]]]:
    """Return who is asked what: questions that an agent's datasets answer or do not, of other agents, and of nobody."""
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if not row["history"] and row["kind"] != "unsafe"]
    dice = random.Random(1)
    asked: dict[str, list[tuple[AgentView, str]]] = {
        "its own questions, with an answer": [],
        "its own questions, without": [],
        "those of other agents": [],
    }
    for agent in agents:
        own = [row for row in rows if set(row["dataset_ids"]) & set(agent.dataset_ids)]
        for row in own:
            kind = "with an answer" if row["expected"] else "without"
            if not row["expected"] or row["expected"]["dataset_id"] in agent.dataset_ids:
                asked[f"its own questions, {kind}"].append((agent, row["question"]))
        others = [row["question"] for row in rows if row not in own]
        asked["those of other agents"] += [(agent, text) for text in dice.sample(others, OTHERS)]
    squad = Path(os.environ.get("EVALDATA", "evaldata")) / "qa" / "squad_dev_half.json"
    if squad.is_file():
        pages = json.loads(squad.read_text(encoding="utf-8"))["data"]
        texts = [each["question"] for page in pages for part in page["paragraphs"] for each in part["qas"]]
        asked["SQuAD's"] = [(agent, text) for agent in agents for text in dice.sample(texts, OTHERS)]
    return asked


def print_likeness(scope: Scope, asked: dict[str, list[tuple[AgentView, str]]]) -> None:
    """Print what likeness alone would leave to others, before any search."""
    print(f"\n{'likeness alone: share below':48}{LEAST:>8g}{HIGHER:>10g}{'n':>6}")
    for name, pairs in asked.items():
        likeness = [scope.likeness(text, agent) for agent, text in pairs]
        shares = [sum(each < least for each in likeness) / len(likeness) for least in (LEAST, HIGHER)]
        print(f"{name:48}{100 * shares[0]:>7.1f}%{100 * shares[1]:>9.1f}%{len(likeness):>6}")


if __name__ == "__main__":
    main()
