"""How numbers or days of a column are spread: moments exactly; quantiles and histogram exactly or from a sketch."""

import math
from dataclasses import dataclass

import numpy as np
from datasketches import kll_doubles_sketch
from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 20
SKETCH_K = 400  # rank error 0.8 % with 99 % confidence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many values lie between each two edges, days in ISO 8601; the last bin includes its upper edge."""

    edges: tuple[float | str, ...]
    counts: tuple[int, ...]


class Spread:
    """Collects values with how often each occurs."""

    def __init__(self) -> None:
        self.n = 0
        self.minimum, self.maximum = math.inf, -math.inf
        self._mean = self._squares = 0.0
        self._values: Floats = np.empty(0)
        self._weights: Floats = np.empty(0)
        self._sketch: kll_doubles_sketch | None = None

    def add(self, values: list[float], weights: list[int], *, sketch: bool) -> None:
        """Take in values; once `sketch` was true, it has to stay so."""
        if not values:
            return
        x, w = np.array(values), np.array(weights, dtype=np.float64)
        self.minimum, self.maximum = min(self.minimum, float(x.min())), max(self.maximum, float(x.max()))
        with np.errstate(over="ignore", invalid="ignore"):
            self._merge(x, w)
        if not sketch:
            self._values, self._weights = x, w
            return
        self._sketch = self._sketch or kll_doubles_sketch(SKETCH_K)
        self._sketch.update(np.repeat(x, w.astype(np.int64)))

    @property
    def mean(self) -> float | None:
        """Return the mean; None without values, or where it is too large for a float."""
        return self._mean if self.n and math.isfinite(self._mean) else None

    @property
    def std(self) -> float | None:
        """Return the sample's standard deviation; None with fewer than two values."""
        variance = self._squares / (self.n - 1) if self.n > 1 else math.nan
        return math.sqrt(variance) if math.isfinite(variance) else None

    def quantiles(self) -> list[float]:
        """Return, for each of QUANTILES, the least value that so many values do not exceed."""
        if self._sketch is not None:
            return [float(value) for value in self._sketch.get_quantiles(list(QUANTILES), True)]
        order = np.argsort(self._values)
        reached = np.cumsum(self._weights[order])
        found = np.searchsorted(reached, np.array(QUANTILES) * self.n - 1e-9)
        return [float(value) for value in self._values[order][found]]

    def histogram(self, *, whole: bool) -> Histogram | None:
        """Return up to 20 bins of one width; for `whole` numbers the edges are whole too.

        None where all values are the same, or too far apart for floats.
        """
        width = self.maximum - self.minimum
        if not 0 < width < math.inf:
            return None
        if whole:
            step = math.ceil((width + 1) / BINS)
            edges: Floats = self.minimum + step * np.arange(math.ceil((width + 1) / step) + 1, dtype=np.float64)
        else:
            edges = np.linspace(self.minimum, self.maximum, BINS + 1)
        if not (np.diff(edges) > 0).all():
            return None
        return Histogram(tuple(float(edge) for edge in edges), tuple(self._bin(edges)))

    def _bin(self, edges: Floats) -> list[int]:
        if self._sketch is None:
            return [int(count) for count in np.histogram(self._values, edges, weights=self._weights)[0]]
        return [round(self.n * share) for share in self._sketch.get_pmf([float(edge) for edge in edges[1:-1]])]

    def _merge(self, x: Floats, w: Floats) -> None:
        """Join the moments of new values with those of the old ones (Chan, Golub and LeVeque, 1979)."""
        n = float(w.sum())
        mean = float((x * (w / n)).sum())
        squares = float((w * (x - mean) ** 2).sum())
        apart, total = mean - self._mean, self.n + n
        self._squares += squares + apart * apart * (self.n * n / total)
        self._mean += apart * (n / total)
        self.n = int(total)
