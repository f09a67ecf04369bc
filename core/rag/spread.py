"""Sees to it that one dataset that says the same many times does not crowd out all others. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

READ = 16  # chunks that are read
MOST = 12  # of one dataset, while others have any


def spread(found: Sequence[tuple[str, float]], datasets: Mapping[str, str]) -> list[tuple[str, float]]:
    """Return the chunks to read, in the order that they have.

    Args:
        found: (chunk id, score), best first.
        datasets: Of each chunk its dataset; one that is missing is left out.
    """
    counts: Counter[str] = Counter()
    early, late = list[int](), list[int]()
    for place, (chunk_id, _) in enumerate(found):
        if chunk_id in datasets:
            counts[datasets[chunk_id]] += 1
            (early if counts[datasets[chunk_id]] <= MOST else late).append(place)
    return [found[place] for place in sorted([*early, *late][:READ])]
