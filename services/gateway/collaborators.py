"""Everything that routes work with, built once by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from redis.asyncio import Redis

from services.gateway.authentication import Authenticator
from services.gateway.browser.csrf import CsrfTokens
from services.gateway.clients.accounts import AccountsClient
from services.gateway.clients.admin import AdminClient
from services.gateway.clients.credentials import CredentialsClient
from services.gateway.clients.exports import ExportsClient
from services.gateway.clients.federation import FederationClient
from services.gateway.clients.generation import GenerationClient
from services.gateway.clients.jobs import JobsClient
from services.gateway.clients.mixes import MixesClient
from services.gateway.clients.moderation import ModerationClient
from services.gateway.clients.notifications import NotificationsClient
from services.gateway.clients.playlists import PlaylistsClient
from services.gateway.clients.processing import ProcessingClient
from services.gateway.clients.projects import ProjectsClient
from services.gateway.clients.sharing import SharingClient
from services.gateway.clients.social import DiscoveryClient, SocialClient
from services.gateway.clients.tracks import TracksClient
from services.gateway.clients.webhooks import WebhooksClient
from services.gateway.config import GatewaySettings
from services.gateway.health import HealthChecks
from services.gateway.in_flight import InFlight
from services.gateway.oidc.attempt import Envelope
from services.gateway.oidc.flow import OidcSignIn
from services.gateway.rate_limit.policy import Limits
from services.gateway.rate_limit.window import SlidingWindow
from services.gateway.sessions_watch import SessionWatch
from services.gateway.signals import Signals
from services.gateway.streams.places import Places, long_answers, sockets
from services.gateway.tokens.jwks import KeySet
from services.gateway.tokens.links import LinkSigner
from services.shared.storage import ObjectStore


@dataclass(frozen=True, slots=True)
class Collaborators:
    """The gateway's parts.

    `limits` is empty when rate limits are off; `closing` is set when the process has been told to end.
    """

    settings: GatewaySettings
    accounts: AccountsClient
    credentials: CredentialsClient
    federation: FederationClient
    admin: AdminClient
    jobs: JobsClient
    tracks: TracksClient
    playlists: PlaylistsClient
    social: SocialClient
    discovery: DiscoveryClient
    notifications: NotificationsClient
    webhooks: WebhooksClient
    exports: ExportsClient
    projects: ProjectsClient
    mixes: MixesClient
    sharing: SharingClient
    moderation: ModerationClient
    generation: GenerationClient
    processing: ProcessingClient
    authenticator: Authenticator
    csrf: CsrfTokens
    envelope: Envelope
    oidc: Mapping[str, OidcSignIn]
    keys: KeySet
    links: LinkSigner
    redis: Redis
    signals: Signals
    sessions: SessionWatch
    window: SlidingWindow
    limits: Limits
    store: ObjectStore
    health: HealthChecks
    in_flight: InFlight
    long_answers: Places = field(default_factory=long_answers)
    sockets: Places = field(default_factory=sockets)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
