import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.user_management.accounts.user import User
from services.user_management.auth.key_ring import KeyRing
from services.user_management.auth.tokens import AccessTokens
from tests.support.memory_ledger import START

USER = User(uuid.uuid4(), "ann", "ann@example.com", "", "user", None, START)


def test_token_verifies_with_the_published_key_and_carries_the_claims() -> None:
    tokens = AccessTokens(KeyRing.of(Ed25519PrivateKey.generate()), lifetime_seconds=900)
    session_id = uuid.uuid4()
    token = tokens.issue(USER, session_id)
    keys = jwt.PyJWKSet.from_json(tokens.jwks_json)
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(token, key, algorithms=["EdDSA"], audience="musicgen-api", issuer="musicgen")
    assert claims["sub"] == str(USER.id)
    assert (claims["username"], claims["role"], claims["sid"]) == ("ann", "user", str(session_id))
    assert claims["tier"] == "standard"
    assert claims["exp"] - claims["iat"] == 900
    assert claims["jti"]


def test_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    # RFC 8037, appendix A.1 and A.3.
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    tokens = AccessTokens(KeyRing.of(Ed25519PrivateKey.from_private_bytes(secret)), lifetime_seconds=60)
    assert tokens.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_another_installs_token_does_not_verify() -> None:
    ours, theirs = (AccessTokens(KeyRing.of(Ed25519PrivateKey.generate()), lifetime_seconds=60) for _ in range(2))
    key = jwt.PyJWKSet.from_json(ours.jwks_json).keys[0]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(theirs.issue(USER, uuid.uuid4()), key, algorithms=["EdDSA"], audience="musicgen-api")
