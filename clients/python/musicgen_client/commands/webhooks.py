"""`musicgen webhooks`: addresses that hear what happens to your jobs."""

from __future__ import annotations

from typing import Annotated

import typer

from musicgen_client.calls import hooks
from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Cursor, Everything, Json, Limit, Url, connect, listed

app = typer.Typer()
webhooks = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
app.add_typer(webhooks, name="webhooks")

WebhookId = Annotated[str, typer.Argument(help="The webhook's id, as `musicgen webhooks` lists it.")]
_ENDINGS = ["job.succeeded", "job.failed", "job.cancelled"]


@webhooks.callback()
def list_webhooks(context: typer.Context, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """List your webhooks, make, test and remove them, and see what could not be delivered."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        found = client.webhooks().items
    if json:
        output.document({"items": list(found)})
        return
    rows = [
        (hook.id, hook.url, " ".join(hook.events), "on" if hook.active else "off", output.when(hook.last_succeeded_at))
        for hook in found
    ]
    output.table(("id", "url", "events", "state", "last arrived"), rows, "you have no webhooks")


@webhooks.command()
def create(
    address: Annotated[str, typer.Argument(help="An https address.")],
    event: Annotated[
        list[str] | None, typer.Option("--event", help="For example job.succeeded; may be given again.")
    ] = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a webhook and print its secret, this once. Without --event it hears of every job's end."""
    with connect(url) as client:
        made = client.create_webhook(address, event or _ENDINGS)
    if json:
        output.document(made)
        return
    output.note(f"The webhook {made.webhook.id} is on. What it is sent is signed with this secret, shown this once:")
    output.line(made.secret or "")


@webhooks.command("test")
def send_test(webhook_id: WebhookId, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Send a message that tells nothing."""
    with connect(url) as client:
        sent = client.test_webhook(webhook_id)
    if json:
        output.document(sent)
    else:
        output.line(f"On its way: {sent.id}. See how it went with: musicgen webhooks deliveries {webhook_id}")


@webhooks.command()
def deliveries(
    webhook_id: WebhookId,
    limit: Limit = 50,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """What a webhook was and is to be told, newest first."""
    with connect(url) as client:
        page = listed(client, hooks.webhook_deliveries(webhook_id, limit=limit, cursor=cursor), everything=everything)
    rows = [
        (item.id, item.event, item.status, str(item.attempts), str(item.response_status or ""), item.error or "")
        for item in page.items
    ]
    output.page(
        page, ("id", "event", "status", "attempts", "answer", "error"), rows, "nothing was sent yet", as_document=json
    )


@webhooks.command("dead-letters")
def dead_letters(
    limit: Limit = 50,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """What could not be delivered, newest first."""
    with connect(url) as client:
        page = listed(client, hooks.dead_letters(limit=limit, cursor=cursor), everything=everything)
    rows = [(item.id, item.url, item.event, str(item.attempts), item.error or "") for item in page.items]
    output.page(page, ("id", "url", "event", "attempts", "error"), rows, "everything was delivered", as_document=json)


@webhooks.command()
def redeliver(
    delivery_id: Annotated[str, typer.Argument(help="The delivery's id.")], url: Url = DEFAULT_URL, json: Json = False
) -> None:
    """Send a message again."""
    with connect(url) as client:
        sent = client.redeliver(delivery_id)
    if json:
        output.document(sent)
    else:
        output.line(f"On its way again: {sent.id}.")


@webhooks.command()
def remove(webhook_id: WebhookId, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """Remove a webhook, with what waits for it."""
    with connect(url) as client:
        client.delete_webhook(webhook_id)
    if json:
        output.document({"removed": webhook_id})
    else:
        output.line(f"Removed {webhook_id}.")
