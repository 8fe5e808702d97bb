"""What keeps a page busy: long tasks (W3C Long Tasks), frames that came late, what was drawn, the work that it took."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from playwright.sync_api import Page

# From the first moment of a page on.
WATCH = """
window.longTasks = [];
new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map(({duration}) => duration)))
  .observe({type: "longtask", buffered: true});
window.frameTimes = [];
const tick = (now) => { window.frameTimes.push(now); requestAnimationFrame(tick); };
requestAnimationFrame(tick);
window.canvasesDrawn = 0;
const clear = CanvasRenderingContext2D.prototype.clearRect;
CanvasRenderingContext2D.prototype.clearRect = function (...area) {
  window.canvasesDrawn += 1;
  return clear.apply(this, area);
};
"""
LATE_MS = 1_000 / 30
LONG_TASK_MS = 50
_IN_EACH_FRAME = """
(frames) => new Promise((go) => {
  const step = STEP;
  const drawn = window.canvasesDrawn;
  let done = 0;
  const next = () => {
    if (done === frames || step(done) === false) return go([done, window.canvasesDrawn - drawn]);
    done += 1;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
})
"""


def print_busy(page: Page, what: str) -> None:
    """Print what kept the page busy since it was asked last. How long that takes says as much of the machine."""
    tasks: list[float] = page.evaluate("window.longTasks.splice(0)")
    frames = np.diff(page.evaluate("window.frameTimes.splice(0)"))
    print(
        f"{what}: {len(tasks)} long tasks, {sum(tasks):.0f} ms in all, the longest {max(tasks, default=0):.0f} ms; "
        f"{len(frames)} frames, {int((frames > LATE_MS).sum())} later than {LATE_MS:.0f} ms, "
        f"the latest {max(frames, default=0):.0f} ms"
    )


def long_tasks_of(page: Page, act: Callable[[], None]) -> list[float]:
    """Milliseconds of processor time that each long task of a main thread took while `act` was done. What else the
    machine does makes none of them longer.
    """
    browser = page.context.browser
    assert browser is not None
    browser.start_tracing(page=page, categories=["disabled-by-default-devtools.timeline"])
    act()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    took = [
        event.get("tdur", 0) / 1_000
        for event in events
        if event["name"] == "RunTask" and (event["pid"], event["tid"]) in mains
    ]
    assert took, "no task was seen at all"
    return [milliseconds for milliseconds in took if milliseconds > LONG_TASK_MS]


@dataclass(frozen=True)
class Work:
    """What a page did in so many frames: canvases drawn anew, and milliseconds of its main thread's processor time a
    frame. Those do not count what else the machine does; a frame of 60 in a second has 17 ms.
    """

    frames: int
    canvases_drawn: int
    cpu_ms_per_frame: float


def work_of(page: Page, what: str, step: str, frames: int) -> Work:
    """Have `step`, a function of the page that is given the frame's number, called once in each of so many frames, or
    until it answers false; what that took.
    """
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def cpu_seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    began = cpu_seconds()
    done, drawn = page.evaluate(_IN_EACH_FRAME.replace("STEP", step), frames)
    cpu_ms = 1_000 * (cpu_seconds() - began) / max(1, done)
    session.detach()
    print(f"{what}: {done} frames, {drawn} canvases drawn, {cpu_ms:.1f} ms of CPU a frame")
    return Work(done, drawn, cpu_ms)
