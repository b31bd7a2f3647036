"""Cohorts of which the answer is known."""

from __future__ import annotations

import numpy as np

from lymphoscope.prognosis.outcome import Outcome

# Freireich et al., Blood 1963;21:699: weeks of remission of acute leukaemia with 6-mercaptopurine and with placebo.
MERCAPTOPURINE = Outcome.of(
    [6, 6, 6, 7, 10, 13, 16, 22, 23, 6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35], [1] * 9 + [0] * 12
)
PLACEBO = Outcome.of([1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23], [1] * 21)
FREIREICH = Outcome(
    np.concatenate([MERCAPTOPURINE.time, PLACEBO.time]), np.concatenate([MERCAPTOPURINE.event, PLACEBO.event])
)
ARM = np.repeat([0.0, 1.0], 21)


def simulated(n: int, seed: int, log_hazard_ratio: float = 1.0, censored: float = 0.3) -> tuple[Outcome, np.ndarray]:
    """Patients with a normal variable, exponential times with hazard exp(βx), and censoring that knows nothing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    time = rng.exponential(np.exp(-log_hazard_ratio * x)) + 1e-6
    lost = rng.exponential((1 - censored) / max(censored, 1e-9), size=n) + 1e-6
    return Outcome.of(np.minimum(time, lost), time <= lost), x
