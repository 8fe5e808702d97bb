"""What a provider publishes is fetched when it is needed, kept while it is away, and not fetched for forgers."""

import asyncio
import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey

from services.gateway.oidc.attempt import LIFETIME_SECONDS, Attempt, Envelope, Pending
from services.gateway.oidc.discovery import SECONDS_BETWEEN_FETCHES, SECONDS_FRESH, Discovery
from services.gateway.oidc.providers import Provider, load_providers
from services.shared.errors import AppError, ErrorCode
from services.shared.outbound import Answer, OutboundError

ISSUER = "https://id.example"
PROVIDER = Provider(id="example", title="Example", issuer=ISSUER, client_id="studio")
FIRST, SECOND = (ECKey.generate_key("P-256", {"kid": kid, "use": "sig"}) for kid in ("first", "second"))


class Site:
    """Answers as the provider's site does, in place of the network."""

    def __init__(self) -> None:
        self.keys: list[Any] = [FIRST.as_dict(private=False)]
        self.asked: list[str] = []
        self.away = False
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "jwks_uri": f"{ISSUER}/keys",
        }

    async def request(self, method: str, url: str, *, headers: Any = None, content: bytes = b"") -> Answer:
        self.asked.append(url)
        await asyncio.sleep(0)
        if self.away:
            raise OutboundError("away")
        document = {"keys": self.keys} if url.endswith("/keys") else self.metadata
        return Answer(200, {}, json.dumps(document).encode())


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discovery(site: Site, clock: Clock) -> Discovery:
    return Discovery(PROVIDER, site, clock)  # type: ignore[arg-type] # what of `Outbound` is asked


async def test_a_new_key_is_found_when_a_token_names_it_but_not_at_every_forgery(
    site: Site, clock: Clock, discovery: Discovery
) -> None:
    known = await discovery.keys()
    site.keys.append(SECOND.as_dict(private=False))
    fetched = len(site.asked)
    for _ in range(100):
        assert await discovery.keys(beyond=known) is known, "not so soon"
    assert len(site.asked) == fetched
    clock.now += SECONDS_BETWEEN_FETCHES
    newer = await discovery.keys(beyond=known)
    assert {key.kid for key in newer} == {"first", "second"}


async def test_a_crowd_fetches_once(site: Site, discovery: Discovery) -> None:
    await asyncio.gather(*(discovery.metadata() for _ in range(50)), *(discovery.keys() for _ in range(50)))
    assert len(site.asked) == 2


async def test_what_is_known_goes_on_while_the_provider_is_away(site: Site, clock: Clock, discovery: Discovery) -> None:
    before = await discovery.metadata(), await discovery.keys()
    site.away = True
    clock.now += SECONDS_FRESH + 1
    assert (await discovery.metadata(), await discovery.keys()) == before
    site.away, site.metadata["token_endpoint"] = False, f"{ISSUER}/new"
    clock.now += SECONDS_BETWEEN_FETCHES
    assert (await discovery.metadata()).token_endpoint == f"{ISSUER}/new"


async def test_a_provider_that_was_never_there_is_away(site: Site, discovery: Discovery) -> None:
    site.away = True
    for ask in (discovery.metadata, discovery.keys):
        with pytest.raises(AppError) as refused:
            await ask()
        assert refused.value.code is ErrorCode.UNAVAILABLE


async def test_only_public_keys_for_signatures_are_taken(site: Site, discovery: Discovery) -> None:
    site.keys = [
        OctKey.import_key("a shared secret of some length", {"kid": "shared"}).as_dict(private=True),
        RSAKey.generate_key(2048, {"kid": "encryption", "use": "enc"}).as_dict(private=False),
        {"kty": "nonsense", "kid": "nonsense"},
        "not a key",
        FIRST.as_dict(private=False),
    ]
    assert [key.kid for key in await discovery.keys()] == ["first"]


# The operator's file


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://id.example"},
        {"issuer": "https://id.example/?x"},
        {"issuer": "https://u:p@id.example"},
        {"id": "With Spaces"},
        {"algorithms": ["HS256"]},
        {"algorithms": ["none"]},
        {"algorithms": []},
        {"scopes": ["email"]},
        {"email_domains": ["@example.org"]},
        {"client_secret": "in the file"},
        {"client_secret_file": "nonesuch"},
        {"surprise": 1},
    ],
)
def test_a_file_that_is_wrong_stops_the_start_with_a_sentence(tmp_path: Any, change: dict[str, Any]) -> None:
    entry = {"id": "example", "title": "Example", "issuer": ISSUER, "client_id": "studio", **change}
    path = tmp_path / "oidc.yaml"
    path.write_text(json.dumps({"providers": [entry]}))
    with pytest.raises(AppError) as refused:
        load_providers(path)
    assert str(path) in refused.value.message or "nonesuch" in refused.value.message
    assert "in the file" not in refused.value.message


def test_no_two_providers_are_one(tmp_path: Any) -> None:
    entry = {"id": "example", "title": "Example", "issuer": ISSUER, "client_id": "studio"}
    path = tmp_path / "oidc.yaml"
    for other in ({"id": "another"}, {"issuer": "https://other.example"}):
        path.write_text(json.dumps({"providers": [entry, {**entry, **other}]}))
        with pytest.raises(AppError):
            load_providers(path)
    for nothing in ("", "providers: 3", "[]", "providers:\n - x", "\t", "a: [b"):
        path.write_text(nothing)
        with pytest.raises(AppError):
            load_providers(path)
    assert load_providers(None) == {}


# What a browser carries


def test_what_a_browser_carries_is_whole_of_its_kind_and_for_a_while() -> None:
    now = [1_000.0]
    envelope = Envelope("0" * 64, clock=lambda: now[0])
    attempt = Attempt("example", "s", "n", "v", "/library/?q=é")
    sealed = envelope.seal(attempt)
    assert envelope.open(Attempt, sealed) == attempt
    assert envelope.open(Pending, sealed) is None, "one kind does not pass for the other"
    assert Envelope("1" * 64, clock=lambda: now[0]).open(Attempt, sealed) is None
    assert sealed != envelope.seal(attempt)
    for position in range(len(sealed)):
        changed = sealed[:position] + ("A" if sealed[position] != "A" else "B") + sealed[position + 1 :]
        # The last character of base64 may carry bits that mean nothing.
        assert envelope.open(Attempt, changed) in ((None, attempt) if position == len(sealed) - 1 else (None,))
    now[0] += LIFETIME_SECONDS
    assert envelope.open(Attempt, sealed) is None


def test_the_largest_thing_fits_into_a_cookie() -> None:
    widest = "\U0001f3b5"
    person = Pending("x" * 32, widest * 255, "e" * 320, True, widest * 100, widest * 100, "/" + "a" * 290)
    assert len(Envelope("0" * 64).seal(person)) < 4_000
