"""A noisy oscillator whose value some steps ahead is to be predicted."""

from __future__ import annotations

from typing import Annotated, Literal, Self, final

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from evonas.tasks.synthetic_pattern import AbstractPattern, Samples

_PERIODS = 33
"""Periods over which the best possible error is averaged."""
_TINY = 1e-12
"""Variance below which an observation says nothing new."""


@final
class Oscillator(AbstractPattern):
    """The value `horizon` steps after the last one seen: pattern = "oscillator", a regression.

    At step t the oscillator stands at s(t) = Re(a(t) exp(2 pi i t / period)), where its complex
    amplitude a drifts: a(t + 1) = r a(t) + sqrt(1 - r^2) w(t), r = 1 - drift, and a(0) and all w
    are independent with standard normal real and imaginary parts. So s has variance 1 at every
    step: what damping takes, new pushes bring. The input is s + noise at steps 0 .. length - 1;
    the target is s itself at step length - 1 + horizon. To predict 0 always gives an rmse of 1.

    The least rmse of a predictor that knows each sample's period is that of the Kalman filter,
    `best_rmse`; where both periods are equal it is the least of all, otherwise a lower bound.

    Attributes:
        length: Steps that are seen.
        horizon: Steps from the last one seen to the target.
        period: (least, greatest) steps per turn; each sample draws its own, uniformly.
        drift: Share of the amplitude that is lost and made up for at random per step; with 0 each
            sample is one sine wave.
        noise: Standard deviation of the noise in the input.
    """

    pattern: Literal["oscillator"] = "oscillator"
    length: PositiveInt = 64
    horizon: PositiveInt = 8
    period: tuple[PositiveFloat, PositiveFloat] = (8.0, 16.0)
    drift: Annotated[float, Field(ge=0, lt=1)] = 0.005
    noise: Annotated[float, Field(ge=0)] = 0.5

    @model_validator(mode="after")
    def _is_sampled(self) -> Self:
        least, greatest = self.period
        if not 2 < least <= greatest:
            raise ValueError(
                f"expected period = [least, greatest], both above 2 steps, where the sampling "
                f"theorem ends; got [{least:g}, {greatest:g}]"
            )
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """None: the target is a number."""
        return ()

    @property
    def notes(self) -> tuple[str, ...]:
        """The best possible error."""
        known = "" if self.period[0] == self.period[1] else ", even one that knows each period"
        return (f"No predictor has an rmse below {self.best_rmse():.3f}{known}.",)

    def draw(self, n: int, rng: np.random.Generator) -> Samples:
        """Returns X (n, 1, length) and what comes `horizon` steps later, (n,)."""
        turn = 2 * np.pi / rng.uniform(*self.period, size=n)  # radians per step
        r = 1 - self.drift
        amplitude = rng.normal(size=(n, 2))
        s = np.empty((n, self.length + self.horizon))
        for t in range(s.shape[1]):
            s[:, t] = amplitude[:, 0] * np.cos(turn * t) - amplitude[:, 1] * np.sin(turn * t)
            amplitude = r * amplitude + np.sqrt(1 - r * r) * rng.normal(size=(n, 2))
        X = s[:, None, : self.length] + rng.normal(scale=self.noise, size=(n, 1, self.length))
        return X.astype(np.float32), s[:, -1].astype(np.float32)

    def best_rmse(self) -> float:
        """Returns the root mean squared error of the Kalman filter that knows the period.

        It is averaged, as a mean square, over periods spread evenly between the two.
        """
        least, greatest = self.period
        shares = (np.arange(_PERIODS) + 0.5) / _PERIODS
        turn = 2 * np.pi / (least + shares * (greatest - least))
        r = 1 - self.drift
        P = np.broadcast_to(np.eye(2), (_PERIODS, 2, 2))  # covariance of the amplitude
        for t in range(self.length):
            h = _direction(turn * t)
            Ph = np.einsum("nij,nj->ni", P, h)
            S = np.einsum("ni,ni->n", h, Ph) + self.noise**2  # variance of what is observed
            S = np.where(S > _TINY, S, np.inf)
            filtered = P - Ph[:, :, None] * Ph[:, None, :] / S[:, None, None]
            P = r * r * filtered + (1 - r * r) * np.eye(2)
        h = _direction(turn * (self.length - 1 + self.horizon))
        kept = r ** (2 * self.horizon)
        mse = kept * np.einsum("ni,nij,nj->n", h, filtered, h) + 1 - kept
        return float(np.sqrt(max(mse.mean(), 0.0)))


def _direction(angle: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns what s is of the amplitude's real and imaginary part, (n, 2)."""
    return np.stack([np.cos(angle), -np.sin(angle)], axis=1)
