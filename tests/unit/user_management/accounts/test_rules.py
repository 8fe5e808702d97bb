import pytest

from services.shared.errors import AppError, ErrorCode
from services.user_management.accounts import rules


@pytest.mark.parametrize(
    ("given", "stored"), [("alice", "alice"), (" Alice_99 ", "alice_99"), ("a-b", "a-b"), ("x" * 30, "x" * 30)]
)
def test_username_is_stored_in_lower_case(given: str, stored: str) -> None:
    assert rules.username(given) == stored


@pytest.mark.parametrize("given", ["", "ab", "x" * 31, "al ice", "älice", "a.b", "a/b", "a\0b", "ALİCE"])
def test_username_of_other_characters_or_length_is_refused(given: str) -> None:
    with pytest.raises(AppError) as refused:
        rules.username(given)
    assert refused.value.violations[0].pointer == "/username"


@pytest.mark.parametrize("given", ["me", "admin", "API", "Owner"])
def test_reserved_username_is_refused_whatever_its_case(given: str) -> None:
    with pytest.raises(AppError, match=r"reserved|3 to 30"):
        rules.username(given)


@pytest.mark.parametrize("given", ["a@example.com", " A.b+c@Example.COM ", "u@exämple.de"])
def test_address_is_accepted(given: str) -> None:
    assert "@" in rules.email(given)


@pytest.mark.parametrize(
    "given",
    ["", "a", "a@", "@b.de", "a@localhost", "a b@example.com", "a@b@example.com", "a\n@example.com", "ü@example.de"],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(AppError) as refused:
        rules.email(given)
    assert refused.value.violations[0].pointer == "/email"


def test_address_is_stored_as_every_mail_server_takes_it_and_found_as_people_type_it() -> None:
    # RFC 3492: the Punycode form of "exämple".
    assert rules.email("u@exämple.de") == "u@xn--exmple-cua.de"
    assert rules.folded("U@Exämple.de") == rules.folded("u@xn--exmple-cua.de") == "u@xn--exmple-cua.de"
    assert rules.folded("u@\u2260.\ud800") == "u@\u2260.\ud800"
    assert rules.folded("ann") == "ann"


def test_addresses_that_differ_in_case_are_the_same() -> None:
    assert rules.folded(rules.email("Ann@Example.com")) == rules.folded(rules.email("ann@EXAMPLE.com"))


@pytest.mark.parametrize("given", ["short", "x" * 257, "aaaaaaaaaaaa", "alice-the-great", "ALICE@example.com"])
def test_password_that_is_no_secret_is_refused(given: str) -> None:
    with pytest.raises(AppError) as refused:
        rules.password(given, "alice-the-great", "alice@example.com")
    assert refused.value.violations[0].pointer == "/password"


@pytest.mark.parametrize("given", ["x" * 101, "a\0b", "a\nb"])
def test_name_that_is_too_long_or_holds_control_characters_is_refused(given: str) -> None:
    with pytest.raises(AppError):
        rules.full_name(given)


def test_form_with_several_mistakes_names_each() -> None:
    with pytest.raises(AppError) as refused:
        rules.registration("me", "nobody", "short", "\0")
    assert refused.value.code is ErrorCode.VALIDATION
    assert [violation.pointer for violation in refused.value.violations] == [
        "/username",
        "/email",
        "/password",
        "/full_name",
    ]


def test_good_form_becomes_an_account_without_password() -> None:
    new = rules.registration("Ann", "ann@example.com", "correct horse", " Ann Lee ")
    assert (new.username, new.email, new.full_name, new.password_hash) == ("ann", "ann@example.com", "Ann Lee", None)
