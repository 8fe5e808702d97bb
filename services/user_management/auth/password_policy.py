"""Which passwords are no secret: those that many people have (NIST SP 800-63B §5.1.1.2), and what is built of them.

The list and the estimate are zxcvbn's (MIT): 30,000 leaked passwords, common words and names, keyboard walks, dates,
and what people do to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from zxcvbn import zxcvbn

# 2 of 0…4: more than 10^6 guesses, out of reach of guessing online under our throttling.
LOWEST_SCORE = 2
# The estimate's time grows with the square of the length and worse: 64 characters can be made to take seconds.
_JUDGED_CHARACTERS = 24


def weakness(password: str, personal: Sequence[str] = ()) -> str | None:
    """Why the password is too easy to guess, in a sentence; None when it is not. `personal`: name, address, …

    Judged are its first 24 characters: what comes after them can only make it harder to guess. Takes up to 0.3 s of a
    core for what was made to be slow, so call it from a thread (`Passwords.run`), outside any transaction.
    """
    judged = password[:_JUDGED_CHARACTERS]
    result = zxcvbn(judged, user_inputs=[part for part in personal if part], max_length=_JUDGED_CHARACTERS)
    if result["score"] >= LOWEST_SCORE:
        return None
    reason = result["feedback"]["warning"] or "This password is too easy to guess."
    return f"{reason} Take a few unrelated words."
