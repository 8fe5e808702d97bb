"""`musicgen playlists`, `projects`, `move`, `share`: what one does with the songs that one has."""

from __future__ import annotations

from typing import Annotated

import typer

from musicgen_client.calls import collecting
from musicgen_client.commands import output
from musicgen_client.commands.options import DEFAULT_URL, Cursor, Everything, Json, Limit, Url, connect, listed

app = typer.Typer()
playlists = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
projects = typer.Typer(invoke_without_command=True, rich_markup_mode=None)
share = typer.Typer(rich_markup_mode=None, help="Links that open a track for whoever holds them.")
app.add_typer(playlists, name="playlists")
app.add_typer(projects, name="projects")
app.add_typer(share, name="share")

Track = Annotated[str, typer.Argument(metavar="TRACK", help="A track's id.")]
Playlist = Annotated[str, typer.Argument(metavar="PLAYLIST", help="A playlist's id.")]


@playlists.callback()
def list_playlists(
    context: typer.Context,
    owner: Annotated[str | None, typer.Option("--of", help="Somebody's public ones, instead of yours.")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List playlists; or make them, and put tracks in."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        page = listed(client, collecting.playlists(owner=owner, limit=limit, cursor=cursor), everything=everything)
    rows = [
        (item.id, item.title, item.track_count, item.role, "public" if item.public else "private")
        for item in page.items
    ]
    output.page(page, ("id", "title", "tracks", "you", "who reads it"), rows, "no playlists yet", as_document=json)


@playlists.command("create")
def create_playlist(
    title: Annotated[str, typer.Argument(help="What it is called.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody read it.")] = False,
    collaborative: Annotated[bool, typer.Option("--collaborative", help="Let its members add tracks.")] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make an empty playlist and print its id."""
    with connect(url) as client:
        made = client.create_playlist(title, public=public, collaborative=collaborative)
    if json:
        output.document(made)
    else:
        output.line(made.id)


@playlists.command("show")
def show_playlist(
    playlist_id: Playlist,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List a playlist's tracks, in order."""
    with connect(url) as client:
        page = listed(
            client, collecting.playlist_tracks(playlist_id, limit=limit, cursor=cursor), everything=everything
        )
    rows = [(item.position, item.track.id, item.track.title, output.clock(item.track.duration)) for item in page.items]
    output.page(page, ("", "id", "title", "length"), rows, "no tracks in it that you may hear", as_document=json)


@playlists.command("add")
def add_to_playlist(
    playlist_id: Playlist,
    track_id: Track,
    position: Annotated[int | None, typer.Option("--at", min=0, help="Counted from 0; left out: the end.")] = None,
    url: Url = DEFAULT_URL,
) -> None:
    """Add a track, or move one that is there."""
    with connect(url) as client:
        placed = client.put_playlist_track(playlist_id, track_id, position=position)
    output.note(f"{placed.track.title or placed.track.id} stands at {placed.position}")


@playlists.command("remove")
def remove_from_playlist(playlist_id: Playlist, track_id: Track, url: Url = DEFAULT_URL) -> None:
    """Take a track out."""
    with connect(url) as client:
        client.remove_playlist_track(playlist_id, track_id)
    output.note("taken out")


@playlists.command("invite")
def invite_to_playlist(
    playlist_id: Playlist,
    username: Annotated[str, typer.Argument(metavar="NAME", help="Whom to invite.")],
    url: Url = DEFAULT_URL,
) -> None:
    """Invite somebody into your playlist; they are in once they accept."""
    with connect(url) as client:
        member = client.put_playlist_member(playlist_id, username)
    output.note(f"{member.username} is in" if member.accepted_at else f"{member.username} is invited")


@playlists.command("invitations")
def list_invitations(
    limit: Limit = 20, cursor: Cursor = None, everything: Everything = False, url: Url = DEFAULT_URL, json: Json = False
) -> None:
    """List the playlists that others invited you to."""
    with connect(url) as client:
        page = listed(client, collecting.playlist_invitations(limit=limit, cursor=cursor), everything=everything)
    rows = [(item.id, item.title, item.owner.username if item.owner else "", item.track_count) for item in page.items]
    output.page(page, ("id", "title", "owner", "tracks"), rows, "nobody has invited you", as_document=json)


@playlists.command("accept")
def accept_invitation(playlist_id: Playlist, url: Url = DEFAULT_URL) -> None:
    """Say yes to an invitation."""
    with connect(url) as client:
        joined = client.accept_playlist_invitation(playlist_id)
    output.note(f"you are a member of {joined.title}")


@playlists.command("decline")
def decline_invitation(playlist_id: Playlist, url: Url = DEFAULT_URL) -> None:
    """Say no to an invitation; whoever sent it is not told."""
    with connect(url) as client:
        client.decline_playlist_invitation(playlist_id)
    output.note("declined")


@projects.callback()
def list_projects(
    context: typer.Context,
    limit: Limit = 20,
    cursor: Cursor = None,
    everything: Everything = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """List your projects, or make one; `musicgen tracks --project` lists what lies in one."""
    if context.invoked_subcommand is not None:
        return
    with connect(url) as client:
        page = listed(client, collecting.projects(limit=limit, cursor=cursor), everything=everything)
    rows = [(item.id, item.title, item.track_count, output.when(item.created_at)) for item in page.items]
    output.page(page, ("id", "title", "tracks", "created"), rows, "no projects yet", as_document=json)


@projects.command("create")
def create_project(
    title: Annotated[str, typer.Argument(help="What it is called.")], url: Url = DEFAULT_URL, json: Json = False
) -> None:
    """Make an empty project and print its id."""
    with connect(url) as client:
        made = client.create_project(title)
    if json:
        output.document(made)
    else:
        output.line(made.id)


@app.command()
def move(
    track_ids: Annotated[list[str], typer.Argument(metavar="TRACK…", help="Tracks' ids.")],
    project: Annotated[str | None, typer.Option("--to", help="A project's id; left out: into none.")] = None,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Put tracks into a project, all at once."""
    from musicgen_client.exit_codes import ExitCode

    with connect(url) as client:
        changed = client.change_tracks(track_ids, project_id=project, without_project=project is None)
    failed = [item for item in changed.items if not item.done]
    if json:
        output.document(changed)
    else:
        for item in failed:
            output.note(f"{item.track_id}: {item.detail}")
        output.note(f"{len(changed.items) - len(failed)} moved")
    if failed:
        raise typer.Exit(ExitCode.NOT_FOUND)


@share.command("create")
def create_share(
    track_id: Track,
    hours: Annotated[int, typer.Option("--hours", min=0, help="How long it works; 0: until it is revoked.")] = 720,
    password: Annotated[
        bool, typer.Option("--password", help="Ask here for a password that whoever opens it has to know.")
    ] = False,
    url: Url = DEFAULT_URL,
    json: Json = False,
) -> None:
    """Make a link to a track and print its token, this once."""
    secret = (
        typer.prompt("Password of the link", hide_input=True, confirmation_prompt=True, err=True) if password else None
    )
    with connect(url) as client:
        made = client.share_track(track_id, expires_in_hours=hours or None, password=secret)
    if json:
        output.document(made)
        return
    until = f"until {output.when(made.share.expires_at)}" if made.share.expires_at else "until it is revoked"
    output.note(f"Opens the track {until}. It is shown this once:")
    output.line(made.token)


@share.command("list")
def list_shares(track_id: Track, url: Url = DEFAULT_URL, json: Json = False) -> None:
    """List the links to a track."""
    with connect(url) as client:
        found = client.shares(track_id)
    if json:
        output.document(found)
        return
    rows = [
        (
            item.id,
            f"{item.prefix}…",
            "password" if item.has_password else "",
            output.when(item.expires_at),
            item.opened_count,
        )
        for item in found.items
    ]
    output.table(("id", "token", "", "expires", "opened"), rows, "no links to this track")


@share.command("revoke")
def revoke_share(
    track_id: Track,
    share_id: Annotated[str, typer.Argument(metavar="LINK", help="Its id, as `share list` shows it.")],
    url: Url = DEFAULT_URL,
) -> None:
    """End a link, at once."""
    with connect(url) as client:
        client.revoke_share(track_id, share_id)
    output.note("revoked")
