"""Puts the service together: one database, one Valkey, the gRPC services and the loops behind them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog

from protos.users.v1 import (
    accounts_pb2_grpc,
    admin_pb2_grpc,
    credentials_pb2_grpc,
    discovery_pb2_grpc,
    exports_pb2_grpc,
    federation_pb2_grpc,
    jobs_pb2_grpc,
    mixes_pb2_grpc,
    moderation_pb2_grpc,
    notifications_pb2_grpc,
    playlists_pb2_grpc,
    projects_pb2_grpc,
    sharing_pb2_grpc,
    social_pb2_grpc,
    tracks_pb2_grpc,
    webhooks_pb2_grpc,
)
from services.shared.grpc_server import GrpcServer
from services.shared.identity import TokenVerifier
from services.shared.secrets import Secrets
from services.shared.storage import ObjectStore
from services.shared.valkey import open_valkey
from services.user_management.accounts.admin_service import AdminServicer
from services.user_management.accounts.administration import Administration
from services.user_management.accounts.credentials import AccountCredentials, CredentialPolicy
from services.user_management.accounts.farewell import Farewell
from services.user_management.accounts.founding import ensure_first_admin
from services.user_management.accounts.service import AccountServicer
from services.user_management.auth.api_keys import ApiKeys
from services.user_management.auth.federation import Federation
from services.user_management.auth.federation_service import FederationServicer
from services.user_management.auth.gate import SignInGate
from services.user_management.auth.key_ring import KeyRing
from services.user_management.auth.passwords import Passwords
from services.user_management.auth.revocations import Revocations
from services.user_management.auth.sealing import Sealer
from services.user_management.auth.second_factor import SecondFactors
from services.user_management.auth.service import CredentialServicer
from services.user_management.auth.sign_in import SignIn, SignInPolicy
from services.user_management.auth.throttle import Throttle
from services.user_management.auth.tokens import AccessTokens
from services.user_management.background.app import celery_app
from services.user_management.background.sender import CelerySender
from services.user_management.config import UserManagementSettings
from services.user_management.database import Database, open_engine
from services.user_management.exports.exports import Exports
from services.user_management.exports.service import ExportServicer
from services.user_management.guests.guests import GuestPolicy, Guests
from services.user_management.jobs.announcer import Announcer
from services.user_management.jobs.endings import JobEndings
from services.user_management.jobs.forecast import Forecast
from services.user_management.jobs.gauges import QueueGauges
from services.user_management.jobs.ledger import JobLedger, Limits
from services.user_management.jobs.reaper import Reaper
from services.user_management.jobs.retelling import Retelling
from services.user_management.jobs.service import JobServicer
from services.user_management.jobs.watcher import JobWatcher
from services.user_management.library.service import TrackServicer
from services.user_management.mail.courier import Courier
from services.user_management.mail.transport import transport_for
from services.user_management.mixes.service import MixServicer
from services.user_management.moderation.service import ModerationServicer
from services.user_management.notifications.bell import NotificationBell
from services.user_management.notifications.service import NotificationServicer
from services.user_management.notifications.unsubscribing import Unsubscribing
from services.user_management.playlists.service import PlaylistServicer
from services.user_management.projects.service import ProjectServicer
from services.user_management.quotas.rules import milliseconds
from services.user_management.quotas.tiers import Tiers
from services.user_management.sharing.guesses import Guesses
from services.user_management.sharing.service import SharingServicer
from services.user_management.social.discovery_service import DiscoveryServicer
from services.user_management.social.service import SocialServicer
from services.user_management.webhooks.endpoints import Webhooks
from services.user_management.webhooks.outbox import JobOutbox
from services.user_management.webhooks.service import WebhookServicer

STOP_SECONDS: Final = 4.0

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def serving(settings: UserManagementSettings) -> AsyncIterator[GrpcServer]:
    """Serve within the block, on a schema that is up to date. The server's `address` is where."""
    secrets = Secrets(settings.secrets_dir)
    verifier = TokenVerifier(secrets.internal_token_public_key(), secrets.service_token_key())
    tokens = AccessTokens(KeyRing.read(settings.secrets_dir), lifetime_seconds=settings.access_token_seconds)
    grant_ms = milliseconds(settings.quota_grant_seconds)
    async with contextlib.AsyncExitStack() as stack:
        database = Database(
            open_engine(settings.database_url, connections=settings.database_connections),
            longest_line=settings.database_line,
        )
        stack.push_async_callback(database.close)
        # Apart, so that a crowd of searches leaves the ledger its connections.
        searches = Database(
            open_engine(
                settings.database_url, connections=max(2, settings.database_connections // 4), custom_plans=True
            ),
            longest_line=max(1, settings.database_line // 4),
        )
        stack.push_async_callback(searches.close)
        passwords = Passwords(threads=settings.password_threads, queue=settings.password_queue)
        stack.callback(passwords.close)
        link_passwords = Passwords(threads=settings.link_password_threads, queue=settings.link_password_queue)
        stack.callback(link_passwords.close)
        if not settings.single_user:
            await ensure_first_admin(
                database,
                passwords,
                settings.secrets_dir,
                grant_ms,
                given=settings.first_admin_password.get_secret_value(),
            )

        valkey = open_valkey(settings.redis_url)
        stack.push_async_callback(valkey.aclose)
        # Of their own, so that a crowd of watchers leaves the ledger's announcements a connection.
        watchers_valkey = open_valkey(settings.redis_url)
        stack.push_async_callback(watchers_valkey.aclose)
        tasks = CelerySender(celery_app(settings.broker_url))
        stack.push_async_callback(asyncio.to_thread, tasks.close)
        endings = JobEndings(database)
        announcer = Announcer(valkey, endings, tasks)
        bell = NotificationBell(database, valkey)
        revocations = Revocations(valkey, token_seconds=settings.access_token_seconds)
        limits = Limits(
            lease_seconds=settings.lease_seconds,
            max_crashes=settings.max_crashes,
            queued_in_all=settings.queue_limit,
            queued_per_owner=settings.queue_limit_per_user,
            stored_bytes_per_owner=settings.stored_bytes_per_user,
        )
        sealer = Sealer(secrets.service_token_key())
        private = settings.webhook_private_networks
        tiers = Tiers.load(settings.tiers_file)
        takes_guests = settings.guests and not settings.single_user
        if takes_guests:
            tiers.demand_guests()
        ledger = JobLedger(database, announcer, limits, JobOutbox(sealer, tasks, private=private), tiers)
        policy = SignInPolicy(
            session_lifetime=timedelta(days=settings.refresh_token_days),
            refresh_grace=timedelta(seconds=settings.refresh_grace_seconds),
            grant_ms=grant_ms,
            email_verification=settings.email_verification,
            public_url=settings.public_url,
        )
        factors = SecondFactors(sealer)
        gate = SignInGate(
            database,
            passwords,
            Throttle(valkey),
            factors,
            needs_verified_email=settings.email_verification == "required",
        )
        courier = Courier(
            database,
            transport_for(settings.mail_url.get_secret_value(), settings.outbox_dir, settings.mail_sender),
        )

        loops: list[Callable[[], Coroutine[Any, Any, None]]] = [
            announcer.run,
            bell.run,
            Retelling(ledger, announcer).run,
            partial(revocations.publish_recent, database),
            endings.run,
            revocations.run,
            tokens.run,
            courier.run,
            Farewell(database, ObjectStore.from_url(settings.storage_url)).run,
            Reaper(ledger, settings.lease_seconds).run,
            QueueGauges(database).run,
        ]
        stack.push_async_callback(_end, [asyncio.create_task(_logged(loop)) for loop in loops])
        stack.push_async_callback(announcer.flush)
        stack.push_async_callback(bell.flush)

        server = GrpcServer(
            service="user_management",
            address=settings.address,
            verifier=verifier,
            reflection=settings.environment == "development",
        )
        sign_in = SignIn(database, passwords, tokens, revocations, gate, policy)
        credentials = AccountCredentials(
            database,
            passwords,
            gate,
            factors,
            revocations,
            CredentialPolicy(timedelta(days=settings.deletion_grace_days), settings.public_url),
        )
        server.add(
            accounts_pb2_grpc.add_AccountServiceServicer_to_server,
            AccountServicer(
                database,
                sign_in,
                Guests(database, passwords, revocations, policy, GuestPolicy(takes_guests, settings.most_guests)),
                tokens,
                single_user=settings.single_user,
                grant_ms=grant_ms,
                stored_bytes_limit=settings.stored_bytes_per_user,
                tiers=tiers,
            ),
            "musicgen.users.v1.AccountService",
        )
        server.add(
            credentials_pb2_grpc.add_CredentialServiceServicer_to_server,
            CredentialServicer(database, credentials, ApiKeys(database, revocations)),
            "musicgen.users.v1.CredentialService",
        )
        server.add(
            federation_pb2_grpc.add_FederationServiceServicer_to_server,
            FederationServicer(Federation(database, gate, factors, revocations, policy)),
            "musicgen.users.v1.FederationService",
        )
        server.add(
            admin_pb2_grpc.add_AdminServiceServicer_to_server,
            AdminServicer(database, Administration(database, revocations, tiers)),
            "musicgen.users.v1.AdminService",
        )
        server.add(
            jobs_pb2_grpc.add_JobServiceServicer_to_server,
            JobServicer(
                ledger,
                Forecast(database),
                endings,
                JobWatcher(ledger, endings, watchers_valkey),
                lease_seconds=settings.lease_seconds,
            ),
            "musicgen.users.v1.JobService",
        )
        server.add(
            tracks_pb2_grpc.add_TrackServiceServicer_to_server,
            TrackServicer(database, tasks),
            "musicgen.users.v1.TrackService",
        )
        server.add(
            playlists_pb2_grpc.add_PlaylistServiceServicer_to_server,
            PlaylistServicer(database, bell),
            "musicgen.users.v1.PlaylistService",
        )
        server.add(
            social_pb2_grpc.add_SocialServiceServicer_to_server,
            SocialServicer(database, bell),
            "musicgen.users.v1.SocialService",
        )
        server.add(
            discovery_pb2_grpc.add_DiscoveryServiceServicer_to_server,
            DiscoveryServicer(searches),
            "musicgen.users.v1.DiscoveryService",
        )
        server.add(
            notifications_pb2_grpc.add_NotificationServiceServicer_to_server,
            NotificationServicer(database, Unsubscribing(secrets.service_token_key())),
            "musicgen.users.v1.NotificationService",
        )
        server.add(
            webhooks_pb2_grpc.add_WebhookServiceServicer_to_server,
            WebhookServicer(Webhooks(database, sealer, tasks, private=private)),
            "musicgen.users.v1.WebhookService",
        )
        server.add(
            exports_pb2_grpc.add_ExportServiceServicer_to_server,
            ExportServicer(Exports(database, tasks)),
            "musicgen.users.v1.ExportService",
        )
        server.add(
            projects_pb2_grpc.add_ProjectServiceServicer_to_server,
            ProjectServicer(database),
            "musicgen.users.v1.ProjectService",
        )
        server.add(
            mixes_pb2_grpc.add_MixServiceServicer_to_server,
            MixServicer(database),
            "musicgen.users.v1.MixService",
        )
        server.add(
            moderation_pb2_grpc.add_ModerationServiceServicer_to_server,
            ModerationServicer(database, revocations),
            "musicgen.users.v1.ModerationService",
        )
        server.add(
            sharing_pb2_grpc.add_SharingServiceServicer_to_server,
            SharingServicer(database, link_passwords, Guesses(valkey)),
            "musicgen.users.v1.SharingService",
        )
        await server.start()
        stack.push_async_callback(server.stop, STOP_SECONDS)
        yield server


async def _logged(loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a loop; that it ended by an error must not go unseen."""
    try:
        await loop()
    except Exception:
        _log.exception("loop_ended")


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
