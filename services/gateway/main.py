"""The composition root: settings in, application out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import structlog
from fastapi import APIRouter, FastAPI
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from services.gateway.admission import GatewayRoute
from services.gateway.authentication import Authenticator, LocalOwner
from services.gateway.browser.csrf import CsrfTokens
from services.gateway.browser.sessions import BrowserSessions
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
from services.gateway.collaborators import Collaborators
from services.gateway.config import GatewaySettings
from services.gateway.errors import install_error_handlers
from services.gateway.health import HealthChecks, grpc_check, redis_check, storage_check
from services.gateway.in_flight import InFlight
from services.gateway.methods import MethodTable
from services.gateway.middleware.body_limit import BodyLimit, BodyLimitMiddleware
from services.gateway.middleware.compression import CompressionMiddleware
from services.gateway.middleware.error_boundary import ErrorBoundaryMiddleware
from services.gateway.middleware.head import HeadMiddleware
from services.gateway.middleware.local_only import LocalOnlyMiddleware
from services.gateway.middleware.request_context import RequestContextMiddleware
from services.gateway.middleware.security_headers import SecurityHeadersMiddleware
from services.gateway.oidc.attempt import Envelope
from services.gateway.oidc.flow import OidcSignIn
from services.gateway.oidc.providers import Provider, load_providers
from services.gateway.openapi import install_openapi
from services.gateway.rate_limit.policy import Limits, load_limits
from services.gateway.rate_limit.window import SlidingWindow
from services.gateway.route_table import RouteTable
from services.gateway.routes import (
    admin,
    api_keys,
    auth,
    comments,
    covers,
    discovery,
    generate,
    jobs,
    mixes,
    models,
    moderation,
    notifications,
    oidc,
    operations,
    people,
    playlists,
    processing,
    projects,
    reference,
    remix,
    security,
    sharing,
    stream,
    tracks,
    uploads,
    users,
    webhooks,
    ws,
)
from services.gateway.sessions_watch import SessionWatch
from services.gateway.signals import Signals
from services.gateway.tokens.access import AccessTokenVerifier
from services.gateway.tokens.api_keys import ApiKeyVerifier
from services.gateway.tokens.internal import InternalTokens
from services.gateway.tokens.jwks import KeySet
from services.gateway.tokens.links import LinkSigner
from services.gateway.ui.pages import StudioPages
from services.gateway.ui.site import Site
from services.shared.errors import AppError
from services.shared.grpc_client import open_channel
from services.shared.identity import InternalTokenMinter, ServiceTokenSource
from services.shared.outbound import Outbound
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from services.shared.valkey_line import ValkeyLine

log = structlog.get_logger(__name__)

SERVICE = "gateway"

API_ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    oidc.router,
    security.router,
    api_keys.router,
    users.router,
    people.router,
    generate.router,
    stream.router,
    jobs.router,
    tracks.router,
    covers.router,
    remix.router,
    projects.router,
    playlists.router,
    comments.router,
    discovery.router,
    notifications.router,
    sharing.router,
    models.router,
    processing.router,
    mixes.router,
    uploads.router,
    webhooks.router,
    moderation.router,
    admin.router,
    operations.router,
)

_EXPOSED_HEADERS = (
    "X-Request-ID",
    "Location",
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "ETag",
    "Content-Range",
    "Content-Disposition",
)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(settings: GatewaySettings) -> FastAPI:
    """The application.

    Raises `AppError` with a sentence for the operator when a secret or the rate limits cannot be read.
    """
    secrets = Secrets(settings.secrets_dir)
    minter = InternalTokenMinter(secrets.internal_token_private_key())
    service_key = secrets.service_token_key()
    limits = load_limits(settings.rate_limits_file) if settings.rate_limits == "on" else Limits()
    providers = load_providers(settings.oidc_file)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            tokens = InternalTokens(minter)
            service_tokens = ServiceTokenSource(SERVICE, service_key).token
            users_channel, generation_channel, processing_channel = [
                await stack.enter_async_context(open_channel(address, service_tokens))
                for address in (settings.users_address, settings.generation_address, settings.processing_address)
            ]
            redis = _open_redis(settings.redis_url, settings.most_in_flight)
            stack.push_async_callback(redis.aclose)
            listening = open_valkey(settings.redis_url)
            stack.push_async_callback(listening.aclose)
            line = ValkeyLine(settings.redis_url)
            stack.push_async_callback(line.aclose)
            signals, window = Signals(listening), SlidingWindow(line)
            stack.push_async_callback(_end, asyncio.create_task(signals.run()))
            store = ObjectStore.from_url(settings.storage_url)
            accounts, credentials = AccountsClient(users_channel, tokens), CredentialsClient(users_channel, tokens)
            keys = KeySet(accounts.jwks)
            links = LinkSigner(service_key, settings.link_lifetime_seconds)
            owner = LocalOwner(accounts.local_owner) if settings.single_user else None
            app.state.collaborators = Collaborators(
                settings=settings,
                accounts=accounts,
                credentials=credentials,
                federation=FederationClient(users_channel),
                admin=AdminClient(users_channel, tokens),
                jobs=JobsClient(users_channel, tokens),
                tracks=TracksClient(users_channel, tokens),
                playlists=PlaylistsClient(users_channel, tokens),
                social=SocialClient(users_channel, tokens),
                discovery=DiscoveryClient(users_channel, tokens),
                notifications=NotificationsClient(users_channel, tokens),
                webhooks=WebhooksClient(users_channel, tokens),
                exports=ExportsClient(users_channel, tokens),
                projects=ProjectsClient(users_channel, tokens),
                mixes=MixesClient(users_channel, tokens),
                moderation=ModerationClient(users_channel, tokens),
                sharing=SharingClient(users_channel, tokens),
                generation=GenerationClient(generation_channel, tokens),
                processing=ProcessingClient(processing_channel, tokens),
                authenticator=Authenticator(
                    AccessTokenVerifier(keys),
                    links,
                    BrowserSessions(accounts.resolve_browser_session),
                    ApiKeyVerifier(credentials.resolve_key),
                    owner,
                ),
                csrf=CsrfTokens(service_key),
                envelope=Envelope(service_key),
                oidc={
                    provider.id: await stack.enter_async_context(_sign_in_by(provider, settings.public_url, redis))
                    for provider in providers.values()
                },
                keys=keys,
                links=links,
                redis=redis,
                signals=signals,
                sessions=SessionWatch(signals, window.is_revoked),
                window=window,
                limits=limits,
                store=store,
                health=HealthChecks(
                    {
                        "user_management": grpc_check(users_channel),
                        "generation": grpc_check(generation_channel),
                        "processing": grpc_check(processing_channel),
                        "valkey": redis_check(redis),
                        "storage": storage_check(store),
                    }
                ),
                in_flight=InFlight(
                    quick=settings.most_in_flight, transfers=settings.most_transfers, streams=settings.most_streams
                ),
            )
            yield

    return build_api(_middleware(settings), lifespan, _studio(settings.ui_dir))


@asynccontextmanager
async def _sign_in_by(provider: Provider, public_url: str, redis: Redis) -> AsyncIterator[OidcSignIn]:
    async with Outbound(inner=provider.private_network) as outbound:
        yield OidcSignIn(provider, outbound, f"{public_url}{oidc.PREFIX}/{provider.id}/callback", redis)


def build_api(
    middleware: list[Middleware] | None = None, lifespan: Lifespan | None = None, studio: StudioPages | None = None
) -> FastAPI:
    """Routes, error handlers and the OpenAPI document, without anything behind them: enough to describe the API."""
    app = FastAPI(
        title="Music Gen AI",
        # Its own spans would repeat ours, with the query and so the signatures of links in them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=middleware,
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    install_error_handlers(app)
    # Before the reference's own page at `/`; it leaves the server's paths alone.
    studio_routes = [studio.route()] if studio is not None else []
    app.router.routes.extend(studio_routes)
    for router in (*API_ROUTERS, ws.router, reference.router):
        app.include_router(router)
    api_routes = [route for router in API_ROUTERS for route in router.routes if isinstance(route, GatewayRoute)]
    app.router.routes.insert(0, RouteTable(api_routes))
    page_routes = [route for route in reference.router.routes if isinstance(route, Route)]
    app.state.methods = MethodTable((*api_routes, *page_routes, *studio_routes))
    install_openapi(app, api_routes)
    return app


def _studio(folder: Path | None) -> StudioPages | None:
    """The web studio; None without one, which is no reason not to serve the API."""
    if folder is None:
        return None
    try:
        return StudioPages(Site.read(folder))
    except (AppError, OSError) as error:
        log.warning("the web studio is not served", folder=str(folder), reason=str(error))
        return None


def _middleware(settings: GatewaySettings) -> list[Middleware]:
    """Outermost first."""
    layers = [Middleware(RequestContextMiddleware), Middleware(SecurityHeadersMiddleware)]
    if settings.single_user:
        layers.append(Middleware(LocalOnlyMiddleware, allowed_origins=settings.cors_origins))
    if settings.cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=[
                    "Authorization",
                    "Content-Type",
                    "Idempotency-Key",
                    "If-Match",
                    "If-None-Match",
                    "X-API-Key",
                    "X-Request-ID",
                    "Last-Event-ID",
                    "Range",
                ],
                expose_headers=_EXPOSED_HEADERS,
                max_age=600,
            )
        )
    return [
        *layers,
        Middleware(
            BodyLimitMiddleware,
            limit=BodyLimit(settings.max_body_bytes, settings.body_seconds),
            by_path={
                re.compile(re.escape(uploads.PATH)): BodyLimit(
                    settings.max_upload_bytes, settings.body_seconds, settings.slowest_upload_bytes_per_second
                ),
                covers.PATHS: BodyLimit(
                    settings.max_cover_bytes, settings.body_seconds, settings.slowest_upload_bytes_per_second
                ),
            },
        ),
        Middleware(HeadMiddleware),
        Middleware(CompressionMiddleware),
        Middleware(ErrorBoundaryMiddleware),
    ]


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _open_redis(url: str, calls: int) -> Redis:
    """A client that gives up quickly: every request waits for it."""
    client: Redis = Redis.from_url(
        url,
        socket_connect_timeout=0.5,
        socket_timeout=1.0,
        retry=Retry(ConstantBackoff(0.05), retries=1),
        # One for each call at once, for those that begin something long too, and for readiness.
        max_connections=2 * calls + 64,
    )
    return client
