import time

import pytest

from services.user_management.auth.password_policy import weakness
from services.user_management.auth.throttle import Attempt


def test_owners_networks_do_not_share_counters_with_strangers() -> None:
    def keys(attempt: Attempt) -> set[str]:
        return {key for key, _ in attempt.counters()}

    owner = keys(Attempt("ann", "203.0.113.7", known=True))
    stranger = keys(Attempt("ann", "198.51.100.1", known=False))
    other_stranger = keys(Attempt("ANN ", "198.51.100.2", known=False))
    assert owner.isdisjoint(stranger)
    assert len(stranger & other_stranger) == 1, "strangers share the name's counter, however they type it"
    assert not any("ann" in key.lower() for key in owner | stranger)


def test_networks_of_one_customer_share_a_counter() -> None:
    one, two = ({key for key, _ in Attempt(name, f"2001:db8:1:{name}::1", known=False).counters()} for name in "ab")
    assert one & two == {"mg:signin:site:2001:db8:1::/48"}
    owner = {key for key, _ in Attempt("a", "2001:db8:1:a::1", known=True).counters()}
    assert owner.isdisjoint(two), "strangers next door do not lock an owner out"


@pytest.mark.parametrize(
    "password",
    [
        "password1",
        "Password123!",
        "qwertyuiop",
        "12345678",
        "letmein1",
        "aaaaaaaaaa",
        "abcabcabc",
        "iloveyou",
        "x" * 256,
    ],
)
def test_common_passwords_and_their_like_are_no_secret(password: str) -> None:
    assert weakness(password)


@pytest.mark.parametrize(
    "password", ["correct horse battery", "a long passphrase", "vK3#q9_pLw", "Grüße aus Köln 1987"]
)
def test_others_are_left_alone(password: str) -> None:
    assert weakness(password, ("ann", "ann@example.com")) is None


def test_password_that_was_made_to_be_slow_is_judged_soon() -> None:
    # 64 characters that may stand for letters: judged whole, they take seconds.
    crafted = "a4@b8c({[<e3g69i1!|l0o$5s7+t%x2z" * 2
    begun = time.process_time()
    assert weakness(crafted) is None
    assert time.process_time() - begun < 1


def test_own_name_and_address_are_no_secret() -> None:
    assert weakness("xq7vbnazk42", ("xq7vbnazk42", "someone@example.com"))
    assert weakness("xq7vbnazk42") is None
