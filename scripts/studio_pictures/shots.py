"""The pictures: which page, who looks at it, and what is done there first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Page

from scripts.studio_pictures.preparations import (
    account,
    admin,
    community,
    create,
    frame,
    library,
    settings,
    states,
    studio,
    track,
)
from scripts.studio_pictures.world import World


@dataclass(frozen=True)
class Shot:
    """One picture. `who` looks: somebody of the world, `guest`, or nobody in particular (""). `before` is done before
    the page is opened, `prepare` on it.
    """

    name: str
    path: str
    prepare: Callable[[Page], None] | None = None
    who: str = "mira"
    full_page: bool = False
    before: Callable[[Page], None] | None = None


def shots(world: World) -> Iterator[Shot]:
    """All pictures."""
    track_page = f"/track/?id={world.track}"
    studio_page = f"/studio/?track={world.track}"
    playlist_page = f"/playlist/?id={world.playlist}"
    yield from (
        Shot("landing", "/"),
        Shot("landing-playing", "/", frame.playing, full_page=True),
        Shot("landing-stranger", "/", who=""),
        Shot("sign-in", "/sign-in/", who=""),
        Shot("sign-in-wrong", "/sign-in/", account.wrong_password, who=""),
        Shot("sign-in-code", "/sign-in/", account.asked_for_code, who=""),
        Shot("sign-up", "/sign-up/", who=""),
        Shot("sign-up-taken", "/sign-up/", account.refused_account, who=""),
        Shot("sign-up-guest", "/sign-up/", who="guest"),
        Shot("forgot", "/forgot/", who=""),
        Shot("forgot-sent", "/forgot/", account.mail_sent, who=""),
        Shot("reset-password", "/reset-password/#token=x", who=""),
        Shot("reset-password-spent", "/reset-password/#token=x", account.password_refused, who=""),
        Shot("verify", "/verify/#token=x", who=""),
        Shot("verify-spent", "/verify/#token=x", account.link_spent, who=""),
        Shot("members-only", "/library/", who=""),
        Shot("not-found", "/nowhere/"),
        Shot("create", "/create/"),
        Shot("create-stranger", "/create/", who=""),
        Shot("create-guest", "/create/", who="guest"),
        Shot("create-making", "/create/", create.making, who="ada"),
        Shot("create-ended", "/create/", create.ended_takes),
        Shot("create-corrected", "/create/", create.corrected),
        Shot("create-advanced", "/create/", create.advanced, full_page=True),
        Shot("create-models", "/create/", create.model_picker),
        Shot("library", "/library/", frame.playing),
        Shot("library-grid", "/library/", library.grid),
        Shot("library-filters", "/library/", library.filters),
        Shot("library-none", "/library/", library.nothing_found),
        Shot("library-choosing", "/library/", library.choosing),
        Shot("library-moving", "/library/", library.moving),
        Shot("library-tagging", "/library/", library.tagging),
        Shot("library-menu", "/library/", library.track_menu),
        Shot("library-into-playlist", "/library/", library.into_playlist),
        Shot("library-bad-file", "/library/", library.bad_file),
        Shot("library-project", f"/library/?project={world.project}"),
        Shot("library-queue", "/library/", frame.queue),
        Shot("account-menu", "/library/", frame.account_menu),
        Shot("notifications", "/create/", frame.news),
        Shot("palette", "/library/", frame.palette),
        Shot("trash", "/trash/"),
        Shot("trash-choosing", "/trash/", library.binning),
        Shot("trash-asked", "/trash/", library.emptying),
        Shot("track", track_page, full_page=True),
        Shot("track-notes", track_page, track.notes),
        Shot("track-talk", track_page, track.talk),
        Shot("track-lineage", track_page, track.lineage),
        Shot("track-cover", track_page, track.picturing),
        Shot("track-share", track_page, track.sharing),
        Shot("track-mastering", track_page, track.mastering),
        Shot("track-mastered", track_page, track.mastered),
        Shot("track-of-master", f"/track/?id={world.master}", full_page=True),
        Shot("track-of-others", f"/track/?id={world.others_track}"),
        Shot("track-reporting", f"/track/?id={world.others_track}", track.reporting),
        Shot("track-gone", "/track/?id=gone"),
        Shot("shared", f"/shared/#token={world.link}", who=""),
        Shot("shared-locked", f"/shared/#token={world.locked_link}", track.locked, who=""),
        Shot("shared-gone", "/shared/#token=mgs_gone", who=""),
        Shot("studio-choose", "/studio/"),
        Shot("studio", studio_page, studio.editing),
        Shot("studio-automation", studio_page, studio.automating),
        Shot("studio-versions", studio_page, studio.versions),
        Shot("studio-export", studio_page, studio.exporting),
        Shot("studio-gone", "/studio/?track=gone"),
        Shot("community", "/community/"),
        Shot("community-following", "/community/", community.shown_tab("^Following")),
        Shot("community-liked", "/community/", community.shown_tab("^Liked")),
        Shot("community-found", "/community/", community.found),
        Shot("community-none", "/community/", library.nothing_found),
        Shot("person", "/person/?name=mira"),
        Shot("person-other", "/person/?name=jonas"),
        Shot("person-followers", "/person/?name=mira", community.shown_tab("follower")),
        Shot("person-gone", "/person/?name=nobody-of-this-name"),
        Shot("playlists", "/playlists/"),
        Shot("playlist", playlist_page),
        Shot("playlist-members", playlist_page, community.inviting),
        Shot("playlist-renaming", playlist_page, community.renaming),
        Shot("playlist-asked", playlist_page, community.asked_to_delete_list),
        Shot("playlist-invited", f"/playlist/?id={world.invitation}"),
        Shot("playlist-gone", "/playlist/?id=gone"),
        Shot("settings", "/settings/", full_page=True),
        Shot("settings-guest", "/settings/", who="guest"),
        Shot("settings-key", "/settings/", settings.new_key),
        Shot("settings-key-made", "/settings/", settings.key_made),
        Shot("settings-webhook", "/settings/", settings.hooking),
        Shot("settings-second-factor", "/settings/", settings.second_factor),
        Shot("settings-leaving", "/settings/", settings.leaving),
        Shot("admin", "/admin/", admin.administering, who="admin", full_page=True),
        Shot("admin-installing", "/admin/", admin.installing, who="admin"),
        Shot("admin-refused", "/admin/"),
        Shot("moderation", "/moderation/", who="admin"),
        Shot("moderation-asked", "/moderation/", admin.taking_down, who="admin"),
    )
    yield from (
        Shot("empty-create", "/create/", who="lea"),
        Shot("empty-library", "/library/", who="lea"),
        Shot("empty-trash", "/trash/", who="lea"),
        Shot("empty-studio", "/studio/", who="lea"),
        Shot("empty-feed", "/community/", community.shown_tab("^Following"), who="lea"),
        Shot("empty-likes", "/community/", community.shown_tab("^Liked"), who="lea"),
        Shot("empty-person", "/person/?name=lea", who="lea"),
        Shot("empty-playlists", "/playlists/", who="lea"),
        Shot("empty-news", "/create/", frame.news, who="lea"),
    )
    pages = {
        "create": "/create/",
        "library": "/library/",
        "trash": "/trash/",
        "track": track_page,
        "studio": studio_page,
        "studio-choose": "/studio/",
        "community": "/community/",
        "person": "/person/?name=mira",
        "playlists": "/playlists/",
        "playlist": playlist_page,
        "settings": "/settings/",
        "admin": "/admin/",
        "moderation": "/moderation/",
    }
    for name, path in pages.items():
        who = "admin" if name in {"admin", "moderation"} else "mira"
        yield Shot(f"waiting-{name}", path, who=who, before=states.unanswered)
        yield Shot(f"failed-{name}", path, states.told, who=who, before=states.refused)
        yield Shot(f"offline-{name}", path, states.cut_off, who=who)
