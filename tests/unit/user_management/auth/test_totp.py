import hashlib
import uuid

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import AppError
from services.user_management.auth import totp
from services.user_management.auth.sealing import Sealer

# RFC 6238, appendix B (SHA-1), cut to six digits as RFC 4226 §5.3 does.
SECRET = b"12345678901234567890"
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("seconds", "digits"), VECTORS)
def test_codes_are_those_of_the_standard(seconds: int, digits: str) -> None:
    assert totp.code_at(SECRET, seconds // totp.STEP_SECONDS) == digits[-6:]


@given(st.binary(min_size=20, max_size=20), st.integers(0, 2**33))
def test_codes_are_those_of_an_independent_library(secret: bytes, seconds: int) -> None:
    app = pyotp.TOTP(totp.text_of(secret), digest=hashlib.sha1)
    assert totp.code_at(secret, seconds // 30) == app.at(seconds)


def test_a_code_counts_a_step_early_or_late_and_never_again() -> None:
    now, step = 1_000_000_015, 1_000_000_015 // 30
    for offset in (-1, 0, 1):
        assert totp.matching_step(SECRET, totp.code_at(SECRET, step + offset), now, 0) == step + offset
    for offset in (-2, 2):
        assert totp.matching_step(SECRET, totp.code_at(SECRET, step + offset), now, 0) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step), now, step) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step - 1), now, step) is None
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step + 1), now, step) == step + 1


@given(st.text(max_size=12))
def test_other_texts_are_no_codes(text: str) -> None:
    if totp.matching_step(SECRET, text, 59.0, 0) is not None:
        assert text in {totp.code_at(SECRET, step) for step in range(3)}


def test_recovery_codes_are_read_however_they_are_typed() -> None:
    codes = totp.new_recovery_codes()
    assert len(set(codes)) == totp.RECOVERY_CODES
    for code in codes:
        assert totp.normal_recovery_code(code.upper().replace("-", "  ")) == code
        assert not set(code) & set("01lo")


def test_apps_read_the_uri() -> None:
    app = pyotp.parse_uri(totp.provisioning_uri(SECRET, "ann-lee"))
    assert (app.name, app.issuer, app.secret) == ("ann-lee", "Music Gen AI", totp.text_of(SECRET))


def test_sealed_secrets_open_with_their_key_for_their_owner_only() -> None:
    owner, sealer = uuid.uuid4(), Sealer("a" * 64)
    sealed = sealer.seal(owner, SECRET)
    assert sealer.open(owner, sealed) == SECRET
    assert sealer.seal(owner, SECRET) != sealed
    for other, key in ((uuid.uuid4(), sealer), (owner, Sealer("b" * 64))):
        with pytest.raises(AppError):
            key.open(other, sealed)
    with pytest.raises(AppError):
        sealer.open(owner, sealed[:-1] + bytes([sealed[-1] ^ 1]))
