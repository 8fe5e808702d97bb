"""The pictures: which page, who looks at it, and what is done there first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from playwright.sync_api import Page

from scripts.studio_pictures import preparations as do
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
    track = f"/track/?id={world.track}"
    studio = f"/studio/?track={world.track}"
    playlist = f"/playlist/?id={world.playlist}"
    yield from (
        Shot("landing", "/"),
        Shot("landing-playing", "/", do.playing, full_page=True),
        Shot("landing-stranger", "/", who=""),
        Shot("sign-in", "/sign-in/", who=""),
        Shot("sign-in-wrong", "/sign-in/", do.wrong_password, who=""),
        Shot("sign-in-code", "/sign-in/", do.asked_for_code, who=""),
        Shot("sign-up", "/sign-up/", who=""),
        Shot("sign-up-taken", "/sign-up/", do.refused_account, who=""),
        Shot("sign-up-guest", "/sign-up/", who="guest"),
        Shot("forgot", "/forgot/", who=""),
        Shot("forgot-sent", "/forgot/", do.mail_sent, who=""),
        Shot("reset-password", "/reset-password/#token=x", who=""),
        Shot("reset-password-spent", "/reset-password/#token=x", do.password_refused, who=""),
        Shot("verify", "/verify/#token=x", who=""),
        Shot("verify-spent", "/verify/#token=x", do.link_spent, who=""),
        Shot("members-only", "/library/", who=""),
        Shot("not-found", "/nowhere/"),
        Shot("create", "/create/"),
        Shot("create-stranger", "/create/", who=""),
        Shot("create-guest", "/create/", who="guest"),
        Shot("create-making", "/create/", do.making, who="ada"),
        Shot("create-ended", "/create/", do.ended_takes),
        Shot("create-corrected", "/create/", do.corrected),
        Shot("create-advanced", "/create/", do.advanced, full_page=True),
        Shot("create-models", "/create/", do.model_picker),
        Shot("library", "/library/", do.playing),
        Shot("library-grid", "/library/", do.grid),
        Shot("library-filters", "/library/", do.filters),
        Shot("library-none", "/library/", do.nothing_found),
        Shot("library-choosing", "/library/", do.choosing),
        Shot("library-moving", "/library/", do.moving),
        Shot("library-tagging", "/library/", do.tagging),
        Shot("library-menu", "/library/", do.track_menu),
        Shot("library-into-playlist", "/library/", do.into_playlist),
        Shot("library-bad-file", "/library/", do.bad_file),
        Shot("library-project", f"/library/?project={world.project}"),
        Shot("library-queue", "/library/", do.queue),
        Shot("account-menu", "/library/", do.account_menu),
        Shot("notifications", "/create/", do.news),
        Shot("palette", "/library/", do.palette),
        Shot("trash", "/trash/"),
        Shot("trash-choosing", "/trash/", do.binning),
        Shot("trash-asked", "/trash/", do.emptying),
        Shot("track", track, full_page=True),
        Shot("track-notes", track, do.notes),
        Shot("track-talk", track, do.talk),
        Shot("track-lineage", track, do.lineage),
        Shot("track-cover", track, do.picturing),
        Shot("track-share", track, do.sharing),
        Shot("track-mastering", track, do.mastering),
        Shot("track-mastered", track, do.mastered),
        Shot("track-of-master", f"/track/?id={world.master}", full_page=True),
        Shot("track-of-others", f"/track/?id={world.others_track}"),
        Shot("track-reporting", f"/track/?id={world.others_track}", do.reporting),
        Shot("track-gone", "/track/?id=gone"),
        Shot("shared", f"/shared/#token={world.link}", who=""),
        Shot("shared-locked", f"/shared/#token={world.locked_link}", do.locked, who=""),
        Shot("shared-gone", "/shared/#token=mgs_gone", who=""),
        Shot("studio-choose", "/studio/"),
        Shot("studio", studio, do.editing),
        Shot("studio-automation", studio, do.automating),
        Shot("studio-versions", studio, do.versions),
        Shot("studio-export", studio, do.exporting),
        Shot("studio-gone", "/studio/?track=gone"),
        Shot("community", "/community/"),
        Shot("community-following", "/community/", do.shown_tab("^Following")),
        Shot("community-liked", "/community/", do.shown_tab("^Liked")),
        Shot("community-found", "/community/", do.found),
        Shot("community-none", "/community/", do.nothing_found),
        Shot("person", "/person/?name=mira"),
        Shot("person-other", "/person/?name=jonas"),
        Shot("person-followers", "/person/?name=mira", do.shown_tab("follower")),
        Shot("person-gone", "/person/?name=nobody-of-this-name"),
        Shot("playlists", "/playlists/"),
        Shot("playlist", playlist),
        Shot("playlist-members", playlist, do.inviting),
        Shot("playlist-asked", playlist, do.asked_to_delete_list),
        Shot("playlist-invited", f"/playlist/?id={world.invitation}"),
        Shot("playlist-gone", "/playlist/?id=gone"),
        Shot("settings", "/settings/", full_page=True),
        Shot("settings-guest", "/settings/", who="guest"),
        Shot("settings-key", "/settings/", do.new_key),
        Shot("settings-key-made", "/settings/", do.key_made),
        Shot("settings-webhook", "/settings/", do.hooking),
        Shot("settings-second-factor", "/settings/", do.second_factor),
        Shot("settings-leaving", "/settings/", do.leaving),
        Shot("admin", "/admin/", do.administering, who="admin", full_page=True),
        Shot("admin-installing", "/admin/", do.installing, who="admin"),
        Shot("admin-refused", "/admin/"),
        Shot("moderation", "/moderation/", who="admin"),
        Shot("moderation-asked", "/moderation/", do.taking_down, who="admin"),
    )
    yield from (
        Shot("empty-create", "/create/", who="lea"),
        Shot("empty-library", "/library/", who="lea"),
        Shot("empty-trash", "/trash/", who="lea"),
        Shot("empty-studio", "/studio/", who="lea"),
        Shot("empty-feed", "/community/", do.shown_tab("^Following"), who="lea"),
        Shot("empty-likes", "/community/", do.shown_tab("^Liked"), who="lea"),
        Shot("empty-person", "/person/?name=lea", who="lea"),
        Shot("empty-playlists", "/playlists/", who="lea"),
        Shot("empty-news", "/create/", do.news, who="lea"),
    )
    pages = {
        "create": "/create/",
        "library": "/library/",
        "trash": "/trash/",
        "track": track,
        "studio": studio,
        "studio-choose": "/studio/",
        "community": "/community/",
        "person": "/person/?name=mira",
        "playlists": "/playlists/",
        "playlist": playlist,
        "settings": "/settings/",
        "admin": "/admin/",
        "moderation": "/moderation/",
    }
    for name, path in pages.items():
        who = "admin" if name in {"admin", "moderation"} else "mira"
        yield Shot(f"waiting-{name}", path, who=who, before=do.unanswered)
        yield Shot(f"failed-{name}", path, do.told, who=who, before=do.refused)
        yield Shot(f"offline-{name}", path, do.cut_off, who=who)
