"""Stops a network in the middle of its work: a segment of a large one takes seconds, a module of it much less."""

from __future__ import annotations

from torch import Tensor, nn

from services.processing.separation.separator import Check


class Interruptible:
    """A network that asks before each of its modules whether to go on. One caller at a time.

    A module is at most one convolution, one product of matrices or one attention: of a segment of HTDemucs a twelfth.
    Whatever the check raises leaves nothing behind: networks at work remember nothing.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._check: Check | None = None
        for module in network.modules():
            module.register_forward_pre_hook(self._look)

    def __call__(self, given: Tensor, check: Check) -> Tensor:
        """What the network makes of `given`; `check` runs before each module and may raise."""
        self._check = check
        try:
            made: Tensor = self._network(given)
        finally:
            self._check = None
        return made

    def _look(self, _module: nn.Module, _given: object) -> None:
        if self._check is not None:
            self._check()
