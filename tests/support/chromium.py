"""The browser that tests look through: the system's Chromium, which finds nothing to say to anybody but the page."""

import shutil

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--mute-audio",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # A microphone that hears a beep; a page still has to ask for it.
    "--use-fake-device-for-media-stream",
]
