"""What keeps a page busy: its long tasks (W3C Long Tasks), and the frames that came late."""

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
"""
LATE_MS = 1_000 / 30


def print_busy(page: Page, what: str) -> None:
    """Print what kept the page busy since it was asked last. How long that takes says as much of the machine."""
    tasks: list[float] = page.evaluate("window.longTasks.splice(0)")
    frames = np.diff(page.evaluate("window.frameTimes.splice(0)"))
    print(
        f"{what}: {len(tasks)} long tasks, {sum(tasks):.0f} ms in all, the longest {max(tasks, default=0):.0f} ms; "
        f"{len(frames)} frames, {int((frames > LATE_MS).sum())} later than {LATE_MS:.0f} ms, "
        f"the latest {max(frames, default=0):.0f} ms"
    )
