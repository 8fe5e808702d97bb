"""Graphs on OpenVINO's CPU plugin, with the rules that keep its memory and its threads right in one place.

- One `ov.Core` serves the process, and graphs are compiled one after the other.
- A graph runs in a thread of the plugin's own, whoever calls: a synchronous run would leave a stream of the plugin with
  every thread that ever called, to be found again by the address of an executor and the id of a thread, both of which
  are given anew once the old ones are gone.
- What the plugin only points to (`share`) lives as long as the request; what it owns is answered as a copy, never as a
  view that could outlive it.
- `close` waits for a run that is under way, and none begins afterwards.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping

import numpy as np
import openvino as ov
from numpy.typing import NDArray

_compiling = threading.Lock()


@functools.cache
def _core() -> ov.Core:
    return ov.Core()


class CompiledGraph:
    """A compiled graph with one request. Inputs stay set until they are set again. May be closed by another thread."""

    def __init__(self, graph: ov.Model, properties: Mapping[str, object]) -> None:
        with _compiling:
            self._compiled: ov.CompiledModel | None = _core().compile_model(graph, "CPU", dict(properties))
        self._request: ov.InferRequest | None = self._compiled.create_infer_request()
        self.inputs = {port.get_any_name(): port for port in self._compiled.inputs}
        self._shared: dict[str, NDArray[np.generic]] = {}
        self._lock = threading.Lock()

    def set(self, name: str | int, array: NDArray[np.generic]) -> None:
        """Copy an array into an input, by name or by place."""
        tensor = ov.Tensor(np.asarray(array, order="C"), shared_memory=False)
        with self._lock:
            if isinstance(name, int):
                self._open().set_input_tensor(name, tensor)
            else:
                self._open().set_tensor(name, tensor)

    def share(self, name: str, array: NDArray[np.generic], kind: ov.Type) -> None:
        """Let an input lie in this array's memory, read as elements of `kind`: the graph writes into it too."""
        if not array.flags.c_contiguous:
            raise ValueError("Shared memory lies in one piece.")
        with self._lock:
            self._open().set_tensor(name, ov.Tensor(array, ov.Shape(list(array.shape)), kind))
            self._shared[name] = array

    def run(self) -> None:
        """Compute the outputs from the inputs. RuntimeError when it is closed."""
        with self._lock:
            request = self._open()
            request.start_async()
            request.wait()

    def output(self, index: int) -> NDArray[np.float32]:
        """A copy of an output of the last run."""
        with self._lock:
            return np.array(self._open().get_output_tensor(index).data)

    def close(self) -> None:
        """Free the graph, then what it shared. Idempotent."""
        with self._lock:
            self._request = None
            self._compiled = None
            self.inputs = {}
            self._shared.clear()

    def _open(self) -> ov.InferRequest:
        if self._request is None:
            raise RuntimeError("The graph is closed.")
        return self._request
