"""Who owns what at the border to OpenVINO: what leaves it outlives it, what it reads lives as long as it."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import openvino as ov
import openvino.opset15 as ops
import psutil
import pytest
from numpy.typing import NDArray

from services.generation.runtimes.compiled_graph import CompiledGraph

SIZE = 4096


def graph(size: int = SIZE) -> CompiledGraph:
    """`out` = `shared` + `given`, `size` numbers each."""
    parameters = []
    for name in ("shared", "given"):
        parameter = ops.parameter([size], np.float32)
        parameter.output(0).get_tensor().set_names({name})
        parameters.append(parameter)
    model = ov.Model([ops.result(ops.add(*parameters))], parameters, "sum")
    return CompiledGraph(model, {"INFERENCE_NUM_THREADS": 1})


def ready(memory: NDArray[np.float32] | None = None) -> CompiledGraph:
    made = graph()
    made.share("shared", np.ones(SIZE, np.float32) if memory is None else memory, ov.Type.f32)
    made.set("given", np.ones(SIZE, np.float32))
    return made


def test_output_is_not_changed_by_the_next_run_and_outlives_the_graph() -> None:
    made = ready()
    made.run()
    first = made.output(0)
    made.set("given", np.full(SIZE, 5, np.float32))
    made.run()
    second = made.output(0)
    made.close()
    del made
    gc.collect()
    assert set(first) == {2.0}
    assert set(second) == {6.0}
    assert first.flags.owndata
    assert second.flags.owndata


def test_input_is_copied_so_that_its_owner_may_go_or_change() -> None:
    made = ready()
    given = np.full(SIZE, 3, np.float32)
    made.set("given", given)
    given[:] = 9
    del given
    made.run()
    assert set(made.output(0)) == {4.0}


def test_shared_memory_lives_as_long_as_the_graph_and_no_longer() -> None:
    memory = np.full(SIZE, 2, np.float32)
    watch = weakref.ref(memory)
    made = ready(memory)
    memory[:] = 7
    del memory
    gc.collect()
    assert watch() is not None
    made.run()
    assert set(made.output(0)) == {8.0}
    made.close()
    gc.collect()
    assert watch() is None


def test_scattered_memory_cannot_be_shared() -> None:
    with pytest.raises(ValueError, match="one piece"):
        graph().share("shared", np.zeros((SIZE, 2), np.float32)[:, 0], ov.Type.f32)


def test_closed_graph_refuses_everything() -> None:
    made = ready()
    made.close()
    made.close()
    for use in (made.run, lambda: made.output(0), lambda: made.set("given", np.zeros(SIZE, np.float32))):
        with pytest.raises(RuntimeError, match="closed"):
            use()


def test_closing_while_others_run_ends_them_with_an_error_and_nothing_worse() -> None:
    made = ready()
    running, wrong = threading.Barrier(5), list[str]()

    def use() -> None:
        running.wait(30)
        try:
            while True:
                made.run()
                if set(made.output(0)) != {2.0}:
                    wrong.append("another sum")
                    return
        except RuntimeError as error:
            if "closed" not in str(error):
                wrong.append(str(error))

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    running.wait(30)
    made.close()
    for user in users:
        user.join(30)
    assert not any(user.is_alive() for user in users)
    assert wrong == []


def test_threads_that_come_and_go_leave_nothing_behind() -> None:
    made = ready()
    made.run()
    before = psutil.Process().num_threads()
    for _ in range(50):
        caller = threading.Thread(target=made.run)
        caller.start()
        caller.join(30)
    assert psutil.Process().num_threads() <= before + 1
    assert set(made.output(0)) == {2.0}
