"""The mails that sum up what people have not read: one person a transaction, by whichever replica comes first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.shared.direction import TURNING
from services.user_management.database import Database
from services.user_management.mail.message import Mail
from services.user_management.mail.repository import MailRepository
from services.user_management.notifications.notification import Kind, Notification
from services.user_management.notifications.repository import MOST_COUNTED, NotificationRepository
from services.user_management.notifications.unsubscribing import Unsubscribing

MOST_LINES: Final = 20
PER_RUN: Final = 1_000

_DID: Final = {
    Kind.FOLLOW.value: "follows you",
    Kind.LIKE.value: "likes",
    Kind.COMMENT.value: "wrote about",
    Kind.INVITATION.value: "invites you to the playlist",
}


async def send_digests(
    database: Database, public_url: str, unsubscribing: Unsubscribing, *, most: int = PER_RUN
) -> int:
    """Post the mails that are due, at most `most`; how many. They leave by the courier."""

    async def one(connection: AsyncConnection) -> bool | None:
        told = NotificationRepository(connection)
        due = await told.claim_digest()
        if due is None:
            return None
        person_id, digest, since = due
        address = await told.recipient(person_id)
        found, count = await told.unread_since(person_id, since, MOST_LINES) if address else ([], 0)
        if address and found:
            await MailRepository(connection).post(
                digest_mail(address, public_url, found, count, unsubscribing.link(public_url, person_id))
            )
        await told.digested(person_id, digest)
        return bool(found)

    posted = 0
    for _ in range(most):
        sent = await database.write(one)
        if sent is None:
            break
        posted += sent
    return posted


def digest_mail(
    recipient: str, public_url: str, found: Sequence[Notification], count: int, unsubscribe_url: str
) -> Mail:
    """What happened since the last one, in plain words."""
    lines = [f"- {_line(notification)}" for notification in found]
    if count > len(found):
        more = f"{count - len(found)} more" if count < MOST_COUNTED else "many more"
        lines.append(f"- and {more}")
    base = public_url.rstrip("/")
    body = "\n".join(lines)
    return Mail(
        recipient,
        "What you missed on Music Gen AI",
        f"Since the last mail:\n\n{body}\n\nRead it all at {base}/\n\n"
        "You asked for these mails. To get none, turn the digest off in the settings of your account, or open\n\n"
        f"{unsubscribe_url}\n",
        unsubscribe_url,
    )


def _line(notification: Notification) -> str:
    # A username is no text of the person's own choosing beyond a few characters; a title is shown as one.
    did = _DID.get(notification.kind, "did something")
    # A title may hold what turns the direction of writing: of the mail's own words it turns none.
    title = TURNING.sub("", (notification.track_title if notification.track_id else notification.playlist_title) or "")
    quoted = f" \N{LEFT DOUBLE QUOTATION MARK}{title}\N{RIGHT DOUBLE QUOTATION MARK}"
    about = notification.track_id or notification.playlist_id
    return f"{notification.actor_username} {did}{quoted if about else ''}"
