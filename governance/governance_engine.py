"""GovernanceEngine: rails find, the policy decides, masks apply. For the input, the evidence and the answer of a turn.

It fails closed: without rails or policy it can't be built, and a rail that raises or is late is a decision to block,
but for a late one that the policy names. It doesn't see who may do what (`governance.identity`), and it keeps nothing
of what it saw.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

from core.schema import Evidence, Message
from governance.errors import PolicyError, RailError
from governance.policy import Places, Policy, PolicyBook, Ruling, places_of
from governance.policy.policy import NO_FINDING, RAIL_FAILED
from governance.rails import (
    GroundednessRail,
    Grounding,
    Masker,
    RailRunner,
    RailSet,
    allow_contacts,
    merge_spans,
    watch_prompt,
)
from governance.release import AtEnd, Judge, ReleaseGate
from governance.schema import Action, Actor, AgentView, Decision, Finding, Rail, Stage, Verdict

MAX_ACROSS = 4000
RELEASED = Decision("allow", "a reviewer released exactly this", "review.released")
_SORRY = "I can't answer now, because a safety check did not work. Please try again later."


@dataclass(frozen=True, slots=True)
class EvidenceVerdict:
    """What the retrieval rails say of a turn's evidence.

    Attributes:
        evidence: What may be used, masked where decided, with the numbers that it had.
        dropped: What may not.
        findings: `message_index` is the place in the evidence as it came in.
        decision: "block" only when the check itself failed; a dropped or masked passage makes it "redact".
    """

    evidence: tuple[Evidence, ...]
    dropped: tuple[Evidence, ...]
    findings: tuple[Finding, ...]
    decision: Decision
    rail_ms: dict[str, float] = field(default_factory=dict)


class GovernanceEngine:
    """Checks the texts of a turn. Safe to share between threads."""

    def __init__(
        self,
        rails: RailSet,
        policies: PolicyBook,
        *,
        deadline_s: float,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take rails and policies.

        Args:
            rails: At least one for each stage.
            policies: The running policy.
            deadline_s: How long the rails of one check may take together.
            timer: Measures the rails.

        Raises:
            RailError: A stage has no rail.
            PolicyError: The policy has no rule.
        """
        for stage in ("input", "retrieval", "output"):
            if not getattr(rails, stage):
                raise RailError(f"The stage {stage} has no rail, so nothing would be checked. Give it at least one.")
        if not policies.policy.rules:
            raise PolicyError("The policy has no rule, so nothing would be decided. Add rules to the policy folder.")
        self._rails = rails
        self._policies = policies
        self._pinned: Policy | None = None
        self._runner = RailRunner(deadline_s=deadline_s, timer=timer)

    def for_turn(self, agent: AgentView | None = None, actor: Actor | None = None) -> "GovernanceEngine":
        """Return this engine for one turn: it keeps to its end the policy that is in force as it begins.

        Args:
            agent: Who answers; with the actor it says which rails the turn may go on without.
            actor: Who asks.
        """
        turn = copy(self)
        policy = turn._pinned = self._policies.take_up()
        may_be_late = policy.may_be_late(agent, actor) if agent and actor else ()
        turn._runner = self._runner.for_turn(may_be_late=may_be_late)
        return turn

    @property
    def left_out(self) -> tuple[str, ...]:
        """Return the rails that were late in this turn, and that it went on without."""
        return self._runner.left_out

    @property
    def policy(self) -> Policy:
        """Return the policy that decides."""
        return self._pinned or self._policies.policy

    @property
    def policy_digest(self) -> str:
        """Return the digest of the policy that decides."""
        return self.policy.digest

    @property
    def policy_problem(self) -> str:
        """Return why an active policy version does not run; empty when all do."""
        return self._policies.problem

    @property
    def places(self) -> Places:
        """Return what the rails can find where."""
        return places_of(self._rails)

    @property
    def rail_versions(self) -> dict[str, str]:
        """Return what identifies each rail's rules."""
        return {name: rail.version for name, rail in self._rails.all().items()}

    def check_input(
        self,
        messages: Sequence[Message],
        *,
        agent: AgentView,
        actor: Actor,
        masker: Masker | None = None,
        released: bool = False,
    ) -> Verdict:
        """Check every message that the model would see, one by one and the user's ones together.

        Args:
            messages: The conversation, oldest first.
            agent: Whose level decides.
            actor: Who asks.
            masker: Shared with the turn's later checks, so that a value keeps its label.
            released: A reviewer released exactly these messages, so nothing in them needs a person any more.
        """
        texts = [message.content for message in messages]
        try:
            findings, rail_ms = self._inspect_messages(messages, self._rails_for(agent))
            across, more_ms = self._inspect_across(messages)
        except RailError as exc:
            return Verdict(_failed(exc), (), tuple(texts))
        findings += [finding for finding in across if finding not in findings]
        for name, ms in more_ms.items():
            rail_ms[name] = rail_ms.get(name, 0.0) + ms
        findings = self._without_past(findings, last=len(messages) - 1, agent=agent, actor=actor)
        ruling = self._decide(findings, stage="input", agent=agent, actor=actor, released=released)
        return _verdict(texts, findings, ruling, rail_ms, masker=masker)

    def check_evidence(
        self, evidence: Sequence[Evidence], *, agent: AgentView, actor: Actor, masker: Masker | None = None
    ) -> EvidenceVerdict:
        """Check each retrieved passage alone: one that is refused is dropped, and the others stay."""
        try:
            rails = self._rails_for(agent).retrieval
            findings, rail_ms = self._inspect(rails, [each.text for each in evidence])
        except RailError as exc:
            return EvidenceVerdict((), tuple(evidence), (), _failed(exc))
        policy, masker = self.policy, masker or Masker()
        masker.reserve(each.text for each in evidence)
        kept: list[Evidence] = []
        dropped: list[Evidence] = []
        decisions = [NO_FINDING]
        for index, each in enumerate(evidence):
            of_it = [finding for finding in findings if finding.message_index == index]
            ruling = policy.decide(of_it, stage="retrieval", agent=agent, actor=actor)
            if not ruling.decision.allowed:
                dropped.append(each)
            else:
                kept.append(_masked(each, of_it, ruling, masker))
            if ruling.decision.action != "allow":
                decisions.append(ruling.decision)
        return EvidenceVerdict(tuple(kept), tuple(dropped), tuple(findings), _of_passages(decisions, dropped), rail_ms)

    def open_gate(
        self,
        *,
        agent: AgentView,
        actor: Actor,
        masker: Masker | None = None,
        released: bool = False,
        prompt: Sequence[Message] = (),
        evidence: Sequence[Evidence] = (),
    ) -> ReleaseGate:
        """Return the gate that an answer has to pass.

        Args:
            agent: Whose level decides.
            actor: Who asks.
            masker: Shared with the turn's input, so that a value keeps its label.
            released: A reviewer released exactly this answer.
            prompt: What the model sees. Its system messages must not come back in the answer.
            evidence: What the answer may cite; its sentences are held against it.
        """

        def judge(findings: Sequence[Finding]) -> Ruling:
            return self._decide(findings, stage="output", agent=agent, actor=actor, released=released)

        rails = watch_prompt(
            self._rails_for(agent).output,
            [message.content for message in prompt if message.role == "system"],
            rules=["\n".join(rule.document.when for rule in self.policy.rules)],
            known=[message.content for message in prompt if message.role != "system"],
        )
        if evidence and self._rails.grounding:
            rails = (*rails, self._grounding(self._rails.grounding, evidence, judge))
        return ReleaseGate(rails, runner=self._runner, judge=judge, masker=masker or Masker())

    @staticmethod
    def _grounding(rail: GroundednessRail, evidence: Sequence[Evidence], judge: Judge) -> Rail:
        """Return the rail over this evidence; where nothing that it finds can stop an answer, it looks at the end."""
        worst = [Finding(rail.name, c, score, 0, 0, "") for c in sorted(rail.categories) for score in (0.5, 1.0)]
        over = rail.over(evidence)
        return AtEnd(over) if all(action == "allow" for action in judge(worst).actions) else over

    def check_grounding(self, text: str, evidence: Sequence[Evidence]) -> Grounding:
        """Count the sentences of a released text that claim something, and those that the turn's evidence supports."""
        rail = self._rails.grounding
        return rail.over(evidence).check(text) if rail and rail.name not in self.left_out else Grounding()

    def audit_output(self, text: str, *, agent: AgentView, actor: Actor, released: bool = False) -> Verdict:
        """Check a whole answer after the fact, with the rails of the output."""
        try:
            findings, rail_ms = self._inspect(self._rails_for(agent).output, [text])
        except RailError as exc:
            return Verdict(_failed(exc), (), (text,))
        ruling = self._decide(findings, stage="output", agent=agent, actor=actor, released=released)
        return _verdict([text], findings, ruling, rail_ms, masker=None)

    def _rails_for(self, agent: AgentView) -> RailSet:
        return allow_contacts(self._rails.at_level(agent.level), agent.allow)

    def _inspect(self, rails: Sequence[Rail], texts: Sequence[str]) -> tuple[list[Finding], dict[str, float]]:
        return self._run([(i, rail, text) for i, text in enumerate(texts) for rail in rails])

    def _inspect_messages(self, messages: Sequence[Message], rails: RailSet) -> tuple[list[Finding], dict[str, float]]:
        by_user = (*rails.input, *rails.spoken, *rails.asked)
        return self._run(
            [
                (i, rail, message.content)
                for i, message in enumerate(messages)
                for rail in (by_user if message.role == "user" else rails.input)
            ]
        )

    def _without_past(self, findings: Sequence[Finding], *, last: int, agent: AgentView, actor: Actor) -> list[Finding]:
        """Leave out what earlier messages asked for, but for what is refused: a later one may point back at that."""
        asked = {rail.name for rail in self._rails.asked}
        past = [finding for finding in findings if finding.rail in asked and finding.message_index < last]
        actions = self.policy.decide(past, stage="input", agent=agent, actor=actor).actions
        gone = [finding for finding, action in zip(past, actions, strict=True) if action != "block"]
        return [finding for finding in findings if finding not in gone]

    def _run(self, jobs: Sequence[tuple[int, Rail, str]]) -> tuple[list[Finding], dict[str, float]]:
        results, rail_ms = self._runner.run([(rail, text) for _, rail, text in jobs])
        found = zip(results, jobs, strict=True)
        return [replace(finding, message_index=i) for result, (i, _, _) in found for finding in result], rail_ms

    def _inspect_across(self, messages: Sequence[Message]) -> tuple[list[Finding], dict[str, float]]:
        """Look at all that the user wrote as one text, for an attack split over messages."""
        spoken = [(i, message.content) for i, message in enumerate(messages) if message.role == "user"]
        if len(spoken) < 2:
            return [], {}
        joined = " ".join(text for _, text in spoken)
        cut = max(0, len(joined) - MAX_ACROSS)
        results, rail_ms = self._runner.run([(rail, joined[cut:]) for rail in self._rails.across])
        found = [replace(f, start=f.start + cut, end=f.end + cut) for result in results for f in result]
        return [part for finding in found for part in _parts(finding, spoken)], rail_ms

    def _decide(
        self, findings: Sequence[Finding], *, stage: Stage, agent: AgentView, actor: Actor, released: bool
    ) -> Ruling:
        """Ask the policy; where a reviewer released the text, what would need a person is allowed, and nothing else."""
        ruling = self.policy.decide(findings, stage=stage, agent=agent, actor=actor)
        if not released or "escalate" not in ruling.actions:
            return ruling
        others = [f for f, action in zip(findings, ruling.actions, strict=True) if action != "escalate"]
        decision = self.policy.decide(others, stage=stage, agent=agent, actor=actor).decision
        actions: tuple[Action, ...] = tuple("allow" if a == "escalate" else a for a in ruling.actions)
        return replace(ruling, decision=RELEASED if decision.action == "allow" else decision, actions=actions)


def _verdict(
    texts: Sequence[str],
    findings: Sequence[Finding],
    ruling: Ruling,
    rail_ms: dict[str, float],
    *,
    masker: Masker | None,
) -> Verdict:
    masker = masker or Masker()
    masker.reserve(texts)
    masked = [
        masker.mask(text, merge_spans(_to_mask(findings, ruling.actions, index=i))) for i, text in enumerate(texts)
    ]
    return Verdict(ruling.decision, tuple(findings), tuple(masked), rail_ms, ruling.notices)


def violations_in(verdict: Verdict) -> tuple[Finding, ...] | None:
    """Return what the policy does not allow in a text that was checked; None when the check failed."""
    if verdict.decision.rule_id == RAIL_FAILED:
        return None
    return verdict.findings if verdict.decision.action != "allow" else ()


def _failed(exc: RailError) -> Decision:
    return Decision("block", str(exc), RAIL_FAILED, _SORRY)


def _to_mask(findings: Sequence[Finding], actions: Sequence[Action], *, index: int) -> Iterator[Finding]:
    for finding, action in zip(findings, actions, strict=True):
        if action != "allow" and finding.message_index == index:
            yield finding


def _parts(finding: Finding, spoken: Sequence[tuple[int, str]]) -> Iterator[Finding]:
    """Yield a finding's part in each message that it crosses, if it crosses more than one."""
    place, parts = 0, []
    for index, text in spoken:
        start, end = max(finding.start, place), min(finding.end, place + len(text))
        if start < end:
            parts.append(replace(finding, start=start - place, end=end - place, message_index=index))
        place += len(text) + 1
    if len(parts) > 1:
        yield from parts


def _of_passages(decisions: Sequence[Decision], dropped: Sequence[Evidence]) -> Decision:
    strictest = max(decisions, key=lambda d: (d.action != "allow", not d.allowed))
    if strictest.action == "allow":
        return strictest
    reason = f"{strictest.reason}; passages dropped: {len(dropped)}, masked: {len(decisions) - 1 - len(dropped)}"
    return Decision("redact", reason, strictest.rule_id, strictest.message)


def _masked(evidence: Evidence, findings: Sequence[Finding], ruling: Ruling, masker: Masker) -> Evidence:
    """Return the passage with its text and its sentences masked alike, so that sentences stay verbatim parts of it."""
    spans = merge_spans(f for f, action in zip(findings, ruling.actions, strict=True) if action == "redact")
    if not spans:
        return evidence
    labels = [masker.label(span.category, evidence.text[span.start : span.end]) for span in spans]
    edits = [(span.start, span.end, label) for span, label in zip(spans, labels, strict=True)]
    text = masker.mask(evidence.text, spans)
    kept: list[tuple[str, float]] = []
    place = 0
    for sentence, score in zip(evidence.sentences, evidence.sentence_scores, strict=True):
        start = evidence.text.find(sentence, place)
        if start >= 0:
            place = start + len(sentence)
            kept.append((text[_moved(start, edits, end=False) : _moved(place, edits, end=True)], score))
    sentences, scores = tuple(each for each, _ in kept), tuple(score for _, score in kept)
    return replace(evidence, text=text, sentences=sentences, sentence_scores=scores)


def _moved(offset: int, edits: Sequence[tuple[int, int, str]], *, end: bool) -> int:
    """Return where an offset lies in the masked text; one inside a mask moves to where the mask starts or ends."""
    moved = offset
    for start, stop, label in edits:
        if stop <= offset:
            moved += len(label) - (stop - start)
        elif start < offset:
            moved += start - offset + (len(label) if end else 0)
    return moved
