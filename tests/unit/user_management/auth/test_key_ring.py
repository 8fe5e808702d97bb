import stat
import subprocess
import sys
import uuid
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import AppError
from services.shared.secrets import create_missing
from services.user_management.accounts.user import User
from services.user_management.auth.key_ring import (
    PUBLISHED_AHEAD_SECONDS,
    KeyRing,
    SigningKey,
    add_key,
    published_keys,
    signing_key,
)
from services.user_management.auth.tokens import AccessTokens
from tests.support.memory_ledger import START

KEY = Ed25519PrivateKey.generate()
USER = User(uuid.uuid4(), "ann", "ann@example.com", "", "user", None, START)
LIFETIME = 900


@given(
    st.lists(st.integers(1, 100_000), max_size=5, unique=True),
    st.integers(0, 200_000),
    st.integers(0, LIFETIME),
)
def test_no_valid_token_is_ever_without_its_key(created: list[int], now: int, age: int) -> None:
    """Whatever the rotations: what signed `age` seconds ago is still published, as was seen ten minutes before."""
    keys = [SigningKey(KEY, at) for at in [0, *sorted(created)]]

    def existing(at: int) -> list[SigningKey]:
        return [key for key in keys if key.created_at <= at]

    signed_at = max(0, now - age)
    signer = signing_key(existing(signed_at), signed_at)
    assert signer in published_keys(existing(now), now, LIFETIME)
    # A gateway that asked for the keys nine minutes before it was used knows it, too.
    asked_at = signed_at - PUBLISHED_AHEAD_SECONDS + 1
    if signer.created_at > 0 and asked_at >= 0:
        assert signer in published_keys(existing(max(asked_at, signer.created_at)), asked_at, LIFETIME)


def test_a_rotation_overlaps_and_ends(tmp_path: Path) -> None:
    create_missing(tmp_path)
    now = 1_000_000.0
    ring = KeyRing.read(tmp_path)
    tokens = AccessTokens(ring, lifetime_seconds=LIFETIME, clock=lambda: now)
    old = tokens.key_id
    added = add_key(tmp_path, now)
    assert stat.S_IMODE(added.stat().st_mode) == 0o600
    ring.reload()
    assert tokens.key_id == old
    assert len(jwt.PyJWKSet.from_json(tokens.jwks_json).keys) == 2, "published before it signs"
    now += PUBLISHED_AHEAD_SECONDS - 1
    last_of_old = tokens.issue(USER, uuid.uuid4())
    now += 1
    new = tokens.key_id
    assert new != old
    now += LIFETIME - 2
    key = jwt.PyJWKSet.from_json(tokens.jwks_json)[jwt.get_unverified_header(last_of_old)["kid"]]
    assert jwt.decode(last_of_old, key, algorithms=["EdDSA"], audience="musicgen-api", options={"verify_exp": False})
    now += 120
    assert [key.key_id for key in jwt.PyJWKSet.from_json(tokens.jwks_json).keys] == [new], "and then it goes"


def test_a_damaged_key_is_named_and_other_files_are_left_alone(tmp_path: Path) -> None:
    create_missing(tmp_path)
    for name in ("access_token-x.pem", "access_token-1.pem.bak", "access_token-.pem"):
        (tmp_path / name).write_text("x")
    assert len(KeyRing.read(tmp_path).keys) == 1
    (tmp_path / "access_token-12.pem").write_text("x")
    with pytest.raises(AppError, match=r"access_token-12\.pem"):
        KeyRing.read(tmp_path)


def test_the_operator_adds_a_key_by_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.user_management.auth.key_ring"]
    assert subprocess.run([*command, str(tmp_path)], capture_output=True).returncode == 2
    create_missing(tmp_path)
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(KeyRing.read(tmp_path).keys) == 2
