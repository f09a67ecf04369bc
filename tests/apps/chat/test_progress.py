from apps.chat.progress import Progress
from governance.schema import EvidenceFound, Released, StageDone, TurnEvent, TurnStarted


def _after(progress: Progress, *events: TurnEvent) -> Progress:
    for event in events:
        progress = progress.after(event)
    return progress


def test_progress_says_what_happens_now() -> None:
    progress = Progress(12)
    assert progress.label == "Checking"
    progress = _after(progress, TurnStarted("t"), StageDone("authorise", 1.0), StageDone("input_rails", 1.0))
    assert progress.label == "Checking"
    progress = progress.after(StageDone("intent", 1.0))
    assert progress.label == "Searching 12 datasets"
    assert progress.after(EvidenceFound(())).label == "Writing"


def test_progress_without_datasets_does_not_claim_to_search() -> None:
    assert Progress(0).after(StageDone("intent", 1.0)).label == "Writing"


def test_progress_gathers_released_text() -> None:
    assert _after(Progress(0), Released("a"), Released("b")).text == "ab"
