import asyncio
import json
import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.tokens.access import AccessTokenVerifier
from services.gateway.tokens.internal import InternalTokens
from services.gateway.tokens.jwks import KeySet
from services.gateway.tokens.links import LinkSigner
from services.shared.errors import AppError, ErrorCode
from services.shared.identity import InternalTokenMinter, Principal, TokenVerifier

SERVICE_KEY = "5e" * 32


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Publisher:
    """Keys by id, as user_management publishes them."""

    def __init__(self, *key_ids: str) -> None:
        self.keys = {key_id: Ed25519PrivateKey.generate() for key_id in key_ids}
        self.fetches = 0
        self.away = False

    async def fetch(self) -> str:
        self.fetches += 1
        if self.away:
            raise AppError(ErrorCode.UNAVAILABLE, "Away.")
        to_jwk: Callable[..., dict[str, str]] = jwt.algorithms.OKPAlgorithm.to_jwk
        published = [{**to_jwk(key.public_key(), as_dict=True), "kid": key_id} for key_id, key in self.keys.items()]
        return json.dumps({"keys": published})

    def token(self, key_id: str, **claims: object) -> str:
        now = int(time.time())
        body = {
            "iss": "musicgen",
            "aud": "musicgen-api",
            "sub": "u1",
            "username": "ada",
            "role": "user",
            "sid": "s1",
            "iat": now,
            "exp": now + 900,
        }
        return jwt.encode({**body, **claims}, self.keys[key_id], algorithm="EdDSA", headers={"kid": key_id})


# Keys


async def test_a_new_key_is_fetched_when_it_is_first_met() -> None:
    publisher, clock = Publisher("a"), Clock()
    keys = KeySet(publisher.fetch, clock)
    assert await keys.key("a") is not None
    publisher.keys["b"] = Ed25519PrivateKey.generate()
    clock.now += 10
    assert await keys.key("b") is not None
    assert publisher.fetches == 2


async def test_unknown_keys_are_asked_for_once_in_ten_seconds() -> None:
    publisher, clock = Publisher("a"), Clock()
    keys = KeySet(publisher.fetch, clock)
    for number in range(100):
        assert await keys.key(f"unknown-{number}") is None
        clock.now += 0.05
    assert publisher.fetches == 1
    clock.now += 10
    await keys.key("unknown")
    assert publisher.fetches == 2


async def test_a_withdrawn_key_stops_working_in_time() -> None:
    publisher, clock = Publisher("a", "b"), Clock()
    keys = KeySet(publisher.fetch, clock)
    await keys.key("a")
    del publisher.keys["a"]
    clock.now += 301
    assert await keys.key("a") is None


async def test_known_keys_go_on_while_the_service_is_away() -> None:
    publisher, clock = Publisher("a"), Clock()
    keys = KeySet(publisher.fetch, clock)
    document = await keys.document()
    publisher.away = True
    clock.now += 1_000
    assert await keys.key("a") is not None
    assert await keys.document() == document


async def test_without_any_key_the_caller_is_told_to_try_again() -> None:
    publisher = Publisher("a")
    publisher.away = True
    keys = KeySet(publisher.fetch, Clock())
    with pytest.raises(AppError) as caught:
        await keys.key("a")
    assert caught.value.code is ErrorCode.UNAVAILABLE
    publisher.away = False
    assert await keys.key("a") is not None


# Access tokens


async def test_a_token_tells_who_signed_in_and_is_checked_once() -> None:
    publisher = Publisher("a")
    verifier = AccessTokenVerifier(KeySet(publisher.fetch))
    token = publisher.token("a")
    expected = Principal("u1", "user", "ada", "user", session_id="s1")
    assert await verifier.verify(token) == expected
    assert await verifier.verify(token) is await verifier.verify(token)


async def test_a_token_tells_the_tier_and_one_of_before_there_were_tiers_none() -> None:
    publisher = Publisher("a")
    verifier = AccessTokenVerifier(KeySet(publisher.fetch))
    assert (await verifier.verify(publisher.token("a", tier="pro"))).tier == "pro"
    assert (await verifier.verify(publisher.token("a"))).tier == ""
    for wrong in (7, None, "", ["pro"], {"pro": 1}):
        refusal = await refusal_of(verifier, publisher.token("a", tier=wrong))
        assert refusal is not None
        assert refusal.code is ErrorCode.UNAUTHENTICATED


async def refusal_of(verifier: AccessTokenVerifier, token: str) -> AppError | None:
    try:
        await verifier.verify(token)
    except AppError as error:
        return error
    return None


async def test_a_remembered_token_ends_too() -> None:
    publisher = Publisher("a")
    verifier = AccessTokenVerifier(KeySet(publisher.fetch))
    # Five seconds of leeway are given, so that this one has one left.
    token = publisher.token("a", exp=int(time.time()) - 4)
    await verifier.verify(token)
    deadline = time.monotonic() + 10
    refusal = None
    while refusal is None and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        refusal = await refusal_of(verifier, token)
    assert refusal is not None
    assert refusal.code is ErrorCode.UNAUTHENTICATED
    assert "has expired" in refusal.message


async def test_everybody_who_waits_for_keys_that_do_not_come_is_told_so() -> None:
    publisher = Publisher("a")
    publisher.away = True
    keys = KeySet(publisher.fetch)
    answers = await asyncio.gather(*(keys.key("a") for _ in range(10)), return_exceptions=True)
    assert {getattr(answer, "code", None) for answer in answers} == {ErrorCode.UNAVAILABLE}


@given(text=st.text(max_size=200))
async def test_no_text_breaks_the_verifier(text: str) -> None:
    verifier = AccessTokenVerifier(KeySet(Publisher("a").fetch))
    with pytest.raises(AppError) as caught:
        await verifier.verify(text)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


async def test_forged_tokens_are_not_remembered() -> None:
    publisher = Publisher("a")
    verifier = AccessTokenVerifier(KeySet(publisher.fetch))
    for _ in range(3):
        with pytest.raises(AppError):
            await verifier.verify("forged")
    assert await verifier.verify(publisher.token("a"))


# Internal tokens


def test_an_internal_token_is_reused_for_half_of_its_life() -> None:
    key, clock = Ed25519PrivateKey.generate(), Clock()
    tokens = InternalTokens(InternalTokenMinter(key), clock)
    ada = Principal("u1", "user", "ada", "admin", session_id="s1")
    first = tokens.token(ada)
    clock.now += 29
    assert tokens.token(ada) == first
    clock.now += 2
    tokens.token(ada)
    verified = TokenVerifier(key.public_key(), SERVICE_KEY).verify(tokens.token(ada))
    assert (verified.subject, verified.username, verified.role, verified.session_id) == ("u1", "ada", "admin", "s1")
    assert tokens.token(Principal("u2", "user")) != tokens.token(ada)


# Links


def parts(link: str) -> tuple[str, str, str]:
    url = urlsplit(link)
    query = parse_qs(url.query)
    return url.path, query["expires"][0], query["signature"][0]


def test_a_link_names_its_person_until_it_ends() -> None:
    clock = Clock()
    links = LinkSigner(SERVICE_KEY, 3_600, clock)
    path, expires, signature = parts(links.link("/api/v1/tracks/t/audio", "u1", "s1"))
    assert links.verify(path, expires, signature) == Principal("u1", "user", session_id="s1")
    assert clock.now + 3_600 <= int(expires) <= clock.now + 4_200
    clock.now = int(expires)
    with pytest.raises(AppError, match="expired"):
        links.verify(path, expires, signature)


def test_a_link_carries_the_tier_of_whom_it_was_given_to() -> None:
    links = LinkSigner(SERVICE_KEY, 3_600, Clock())
    owner = Principal("u1", "user", session_id="s1", tier="pro-2")
    path, expires, signature = parts(links.of(owner).link("/api/v1/tracks/t/audio"))
    assert links.verify(path, expires, signature) == owner
    user, session, tier, mac = signature.split(".")
    assert tier == "pro-2"
    others = [(session,), (session, ""), (session, "trial"), (tier, session), (session, tier, tier)]
    for forged in ((user, *other, mac) for other in others):
        with pytest.raises(AppError, match="not valid"):
            links.verify(path, expires, ".".join(forged))


@given(path=st.text(max_size=20), expires=st.text(max_size=20), signature=st.text(max_size=60))
def test_no_link_can_be_made_up(path: str, expires: str, signature: str) -> None:
    with pytest.raises(AppError) as caught:
        LinkSigner(SERVICE_KEY, 3_600).verify(path, expires, signature)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED


def test_paths_with_strange_names_are_quoted() -> None:
    links = LinkSigner(SERVICE_KEY, 3_600)
    link = links.link("/api/v1/tracks/t/stems/lead vocals?/audio", "u1", "")
    assert link.startswith("/api/v1/tracks/t/stems/lead%20vocals%3F/audio?")
