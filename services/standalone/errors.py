"""What stops the platform from starting: sentences for people, not stack traces."""


class StandaloneError(Exception):
    """A start-up or supervision failure. Its text is one line that says what is wrong and what to do."""
