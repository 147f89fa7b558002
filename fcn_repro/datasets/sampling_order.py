"""The order in which a data layer serves the items of its split, and the current position in it."""

from __future__ import annotations

import copy
import random
from typing import Any, Mapping


class SamplingOrder:
    """An endless sequence of item numbers, 0 to items - 1.

    Attributes
        next     the number that `step` returns next
        random   generator of the following numbers, and of the item's own random numbers
        seed     seed of the generator; the argument None takes a seed from the operating system
        steps    number of steps so far

    Order   random: uniform draws with replacement, the same as the reference's under Python 2.
            Otherwise sequential, restarting at the end.
    """

    def __init__(self, items: int, randomize: bool, seed: int | None) -> None:
        self.items, self.randomize = items, randomize
        self.seed = random.SystemRandom().getrandbits(32) if seed is None else seed
        self.random = random.Random(self.seed)
        self.steps = 0
        self.next = self._draw() if randomize else 0

    def step(self) -> int:
        """Return the next number, and advance."""
        number = self.next
        self.steps += 1
        self.next = self._draw() if self.randomize else (number + 1) % self.items
        return number

    def copy(self) -> SamplingOrder:
        """Return an independent order that continues identically."""
        other = copy.copy(self)
        other.random = random.Random()
        other.random.setstate(self.random.getstate())
        return other

    def position(self) -> dict:
        """The position as JSON values."""
        version, words, gauss = self.random.getstate()
        place = {"images": self.items, "next": self.next, "random": [version, list(words), gauss]}
        return {**place, "seed": self.seed, "steps": self.steps}

    def seek(self, position: Mapping[str, Any]) -> None:
        """Continue from a `position`."""
        version, words, gauss = position["random"]
        self.random.setstate((version, tuple(words), gauss))
        self.next = position["next"]
        # Positions of older runs have neither field; nothing depended on them.
        self.seed, self.steps = position.get("seed", self.seed), position.get("steps", self.steps)

    def _draw(self) -> int:
        # Python 2's randint(0, n - 1); Python 3's draws differ.
        return int(self.random.random() * self.items)
