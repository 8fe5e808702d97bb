"""The synchronous client.

    with Client("http://127.0.0.1:8000") as music:
        music.login("ada", "…")
        job = music.wait(music.generate("calm piano, 70 bpm", duration=30).id)
        music.download(job.track_ids[0], Path("song.flac"))

Its methods that are assigned from `calls` send the call of that name; `async_client` has the same ones to await.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from musicgen_client.binding import bound, bound_walk
from musicgen_client.calls import (
    accounts,
    administering,
    call,
    collecting,
    hooks,
    library,
    making,
    mixing,
    moderating,
    operations,
    people,
    pictures,
    shaping,
    sharing,
)
from musicgen_client.calls.call import Call
from musicgen_client.calls.library import AudioFormat
from musicgen_client.calls.making import LiveFormat
from musicgen_client.collections import SharedTrack
from musicgen_client.connection import Connection, Received
from musicgen_client.downloads import PartialFile
from musicgen_client.errors import ApiError, JobFailedError
from musicgen_client.hub_events import HubEvent
from musicgen_client.models import Job, JobEvent, Page
from musicgen_client.paging import MOST_PER_PAGE, PageWalk
from musicgen_client.retries import Repeats, failed_stream, unreachable
from musicgen_client.sse import EventFeed
from musicgen_client.tokens import TokenStore

P = ParamSpec("P")
T = TypeVar("T")
ItemT = TypeVar("ItemT")


def _method(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    """A method that sends the call that `build` makes of its arguments."""

    def send(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return bound(send, build)


def _walk(build: Callable[P, Call[Page[ItemT]]]) -> Callable[Concatenate[Client, P], Iterator[ItemT]]:
    """A method that yields what is on all pages of the list that `build` asks for."""

    def walk(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[ItemT]:
        kwargs.setdefault("limit", MOST_PER_PAGE)
        return self.iterate(build(*args, **kwargs))

    return bound_walk(walk, build, MOST_PER_PAGE)


class Client:
    """Talks to one server. Not safe to share between threads while somebody signs in or out."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        tokens: TokenStore | None = None,
        api_key: str | None = None,
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._connection: Final = Connection(url, tokens, api_key, timeout_seconds)
        self._http: Final = httpx.Client(transport=transport, **self._connection.options())

    register = _method(accounts.register)
    login = _method(accounts.login)
    refresh = _method(accounts.refresh)
    logout = _method(accounts.logout)
    sign_in_providers = _method(accounts.sign_in_providers)
    sessions = _method(accounts.sessions)
    revoke_session = _method(accounts.revoke_session)
    verify_email = _method(accounts.verify_email)
    resend_verification = _method(accounts.resend_verification)
    change_email = _method(accounts.change_email)
    forgot_password = _method(accounts.forgot_password)
    reset_password = _method(accounts.reset_password)
    change_password = _method(accounts.change_password)
    enroll_totp = _method(accounts.enroll_totp)
    confirm_totp = _method(accounts.confirm_totp)
    disable_totp = _method(accounts.disable_totp)
    api_keys = _method(accounts.api_keys)
    create_api_key = _method(accounts.create_api_key)
    revoke_api_key = _method(accounts.revoke_api_key)
    update_me = _method(accounts.update_me)
    delete_me = _method(accounts.delete_me)
    me = _method(accounts.me)
    usage = _method(accounts.usage)
    start_export = _method(accounts.start_export)
    export = _method(accounts.export)
    models = _method(making.models)
    model = _method(making.model)
    pull_model = _method(making.pull_model)
    remove_model = _method(making.remove_model)
    generate = _method(making.generate)
    generate_batch = _method(making.generate_batch)
    vary = _method(making.vary)
    extend = _method(making.extend)
    remix = _method(making.remix)
    jobs = _method(making.jobs)
    all_jobs = _walk(making.jobs)
    job = _method(making.job)
    cancel = _method(making.cancel)
    tracks = _method(library.tracks)
    all_tracks = _walk(library.tracks)
    track = _method(library.track)
    update_track = _method(library.update_track)
    move_track = _method(library.move_track)
    change_tracks = _method(library.change_tracks)
    delete_track = _method(library.delete_track)
    restore_track = _method(library.restore_track)
    versions = _method(library.versions)
    waveform = _method(library.waveform)
    stems = _method(library.stems)
    set_cover = _method(pictures.set_cover)
    delete_cover = _method(pictures.delete_cover)
    playlists = _method(collecting.playlists)
    all_playlists = _walk(collecting.playlists)
    create_playlist = _method(collecting.create_playlist)
    playlist = _method(collecting.playlist)
    update_playlist = _method(collecting.update_playlist)
    delete_playlist = _method(collecting.delete_playlist)
    playlist_tracks = _method(collecting.playlist_tracks)
    all_playlist_tracks = _walk(collecting.playlist_tracks)
    put_playlist_track = _method(collecting.put_playlist_track)
    remove_playlist_track = _method(collecting.remove_playlist_track)
    playlist_members = _method(collecting.playlist_members)
    put_playlist_member = _method(collecting.put_playlist_member)
    remove_playlist_member = _method(collecting.remove_playlist_member)
    playlist_invitations = _method(collecting.playlist_invitations)
    all_playlist_invitations = _walk(collecting.playlist_invitations)
    accept_playlist_invitation = _method(collecting.accept_playlist_invitation)
    decline_playlist_invitation = _method(collecting.decline_playlist_invitation)
    profile = _method(people.profile)
    follow = _method(people.follow)
    unfollow = _method(people.unfollow)
    block = _method(people.block)
    unblock = _method(people.unblock)
    mute = _method(people.mute)
    unmute = _method(people.unmute)
    followers = _method(people.followers)
    all_followers = _walk(people.followers)
    following = _method(people.following)
    all_following = _walk(people.following)
    blocked = _method(people.blocked)
    all_blocked = _walk(people.blocked)
    muted = _method(people.muted)
    all_muted = _walk(people.muted)
    tracks_of = _method(people.tracks_of)
    all_tracks_of = _walk(people.tracks_of)
    like = _method(people.like)
    unlike = _method(people.unlike)
    liked_tracks = _method(people.liked_tracks)
    all_liked_tracks = _walk(people.liked_tracks)
    comments = _method(people.comments)
    all_comments = _walk(people.comments)
    comment = _method(people.comment)
    edit_comment = _method(people.edit_comment)
    remove_comment = _method(people.remove_comment)
    feed = _method(people.feed)
    all_feed = _walk(people.feed)
    explore = _method(people.explore)
    all_explore = _walk(people.explore)
    trending_tags = _method(people.trending_tags)
    search = _method(people.search)
    all_search = _walk(people.search)
    notifications = _method(people.notifications)
    all_notifications = _walk(people.notifications)
    unread_notifications = _method(people.unread_notifications)
    mark_read = _method(people.mark_read)
    notification_preferences = _method(people.notification_preferences)
    update_notification_preferences = _method(people.update_notification_preferences)
    unsubscribe = _method(people.unsubscribe)
    projects = _method(collecting.projects)
    all_projects = _walk(collecting.projects)
    create_project = _method(collecting.create_project)
    project = _method(collecting.project)
    update_project = _method(collecting.update_project)
    delete_project = _method(collecting.delete_project)
    report = _method(moderating.report)
    reports = _method(moderating.reports)
    all_reports = _walk(moderating.reports)
    moderated_report = _method(moderating.moderated_report)
    decide_report = _method(moderating.decide_report)
    hide_track = _method(moderating.hide_track)
    show_track = _method(moderating.show_track)
    share_track = _method(sharing.share_track)
    shares = _method(sharing.shares)
    revoke_share = _method(sharing.revoke_share)
    open_share = _method(sharing.open_share)
    shared_waveform = _method(sharing.shared_waveform)
    upload = _method(shaping.upload)
    separate = _method(shaping.separate)
    mix = _method(shaping.mix)
    master = _method(shaping.master)
    transcribe = _method(shaping.transcribe)
    analyze = _method(shaping.analyze)
    convert = _method(shaping.convert)
    effects = _method(shaping.effects)
    presets = _method(shaping.presets)
    mixes = _method(mixing.mixes)
    all_mixes = _walk(mixing.mixes)
    create_mix = _method(mixing.create_mix)
    saved_mix = _method(mixing.saved_mix)
    delete_mix = _method(mixing.delete_mix)
    save_mix_version = _method(mixing.save_mix_version)
    mix_versions = _method(mixing.mix_versions)
    all_mix_versions = _walk(mixing.mix_versions)
    mix_version = _method(mixing.mix_version)
    restore_mix_version = _method(mixing.restore_mix_version)
    render_mix_version = _method(mixing.render_mix_version)
    webhooks = _method(hooks.webhooks)
    webhook = _method(hooks.webhook)
    create_webhook = _method(hooks.create_webhook)
    update_webhook = _method(hooks.update_webhook)
    delete_webhook = _method(hooks.delete_webhook)
    renew_webhook_secret = _method(hooks.renew_webhook_secret)
    test_webhook = _method(hooks.test_webhook)
    webhook_deliveries = _method(hooks.webhook_deliveries)
    all_webhook_deliveries = _walk(hooks.webhook_deliveries)
    dead_letters = _method(hooks.dead_letters)
    all_dead_letters = _walk(hooks.dead_letters)
    redeliver = _method(hooks.redeliver)
    admin_stats = _method(administering.admin_stats)
    admin_users = _method(administering.admin_users)
    all_admin_users = _walk(administering.admin_users)
    admin_user = _method(administering.admin_user)
    change_user = _method(administering.change_user)
    grant_quota = _method(administering.grant_quota)
    admin_jobs = _method(administering.admin_jobs)
    all_admin_jobs = _walk(administering.admin_jobs)
    audit_log = _method(administering.audit_log)
    all_audit_log = _walk(administering.audit_log)
    version = _method(operations.version)
    liveness = _method(operations.liveness)
    readiness = _method(operations.readiness)
    signing_keys = _method(operations.signing_keys)

    def send(self, call: Call[T]) -> T:
        """Send one call; broken connections and passing failures are tried again where that does no harm."""
        repeats = Repeats(call)
        while True:
            try:
                response = self._http.send(
                    self._connection.request(self._http, call), auth=self._connection.auth_of(call)
                )
            except httpx.TransportError as error:
                pause = repeats.after_failure()
                if pause is None:
                    raise unreachable(self._connection.url, error) from error
            else:
                pause = repeats.after_answer(response)
                if pause is None:
                    return self._connection.finish(call, response)
            time.sleep(pause)

    def iterate(self, call: Call[Page[ItemT]]) -> Iterator[ItemT]:
        """What is on all pages of a list, from the page that `call` asks for; each page when it is reached."""
        walk = PageWalk(call)
        while walk.next_call is not None:
            yield from walk.take(self.send(walk.next_call))

    def wait(self, job_id: str, *, timeout_seconds: float | None = None) -> Job:
        """Wait for a job's success. Raises `JobFailedError` when there is none, `TimeoutError` at the given time."""
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = call.LONGEST_WAIT_SECONDS if deadline is None else deadline - time.monotonic()
            job = self.job(job_id, wait_seconds=left)
            if job.ended:
                if job.status != "succeeded":
                    raise JobFailedError(job)
                return job
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"job {job_id} has not ended after {timeout_seconds:g} s")

    def events(self, job_id: str, *, last_event_id: str | None = None) -> Iterator[JobEvent]:
        """Follow a job until it ends, over as many connections as it takes."""
        feed = EventFeed(last_event_id)
        while True:
            failure: httpx.TransportError | None = None
            try:
                with self._http.stream("GET", making.events_path(job_id), headers=feed.connect()) as response:
                    self._connection.heed(response)
                    if response.is_error:
                        response.read()
                        raise failed_stream(response)
                    for data in response.iter_bytes():
                        yield from feed.take(data)
                        if feed.ended:
                            return
            except httpx.TransportError as error:
                failure = error
            if failure is None and self.job(job_id).ended:
                return  # its last event is no longer kept
            pause = feed.dropped()
            if pause is None:
                raise unreachable(self._connection.url, failure or httpx.ReadError("no events arrive"))
            time.sleep(pause)

    def hub(self, *, last_event_id: str | None = None) -> Iterator[HubEvent]:
        """Follow all of the caller's jobs and notifications over one WebSocket, and over as many as it takes.

        Without `last_event_id` (the `id` of an event before) it begins now. Never ends by itself: leave the loop.
        """
        from musicgen_client.hub import BROKEN, HubFeed, connect_sync  # what does not listen does not load it

        feed = HubFeed(self._connection.url, last_event_id)
        while True:
            try:
                if feed.was_refused or self._connection.auth.is_stale:
                    self.me()  # exchanges the tokens, or says that nobody is signed in any more
                options = feed.options(self._connection.auth.headers(), self._connection.user_agent)
                with connect_sync(feed.address, **options) as socket:
                    while True:
                        yield feed.take(socket.recv())
            except BROKEN as error:
                end: Exception = error
            time.sleep(feed.pause_after(end))

    def stream(self, job_id: str, *, format: LiveFormat = "wav") -> Iterator[bytes]:  # noqa: A002 — the API's word
        """The audio of a job while it is made, from its first sample."""
        params = {"format": format}
        try:
            with self._http.stream("GET", making.live_path(job_id), params=params) as response:
                self._connection.heed(response)
                if response.is_error:
                    response.read()
                    raise ApiError.from_response(response)
                yield from response.iter_raw()
        except httpx.TransportError as error:
            raise unreachable(self._connection.url, error) from error

    def stream_to_file(self, job_id: str, path: Path, *, format: LiveFormat = "wav") -> Path:  # noqa: A002
        """Write a job's live audio to a file as it comes, so that a player can follow it."""
        with path.open("wb") as file:
            for data in self.stream(job_id, format=format):
                file.write(data)
                file.flush()
        return path

    def download(
        self,
        track_id: str,
        path: Path,
        *,
        format: AudioFormat = "wav",  # noqa: A002
        received: Received | None = None,
    ) -> Path:
        """Fetch a track. `received` is told bytes so far, and bytes in all where they are known."""
        return self._fetch(library.audio_path(track_id), {"format": format, "download": "true"}, path, received)

    def download_stem(
        self,
        track_id: str,
        name: str,
        path: Path,
        *,
        format: AudioFormat = "wav",  # noqa: A002
        received: Received | None = None,
    ) -> Path:
        """Fetch one stem."""
        return self._fetch(library.stem_path(track_id, name), {"format": format, "download": "true"}, path, received)

    def download_stems(self, track_id: str, folder: Path, *, format: AudioFormat = "wav") -> list[Path]:  # noqa: A002
        """Fetch every stem into a folder, each under its name."""
        folder.mkdir(parents=True, exist_ok=True)
        names = self._connection.stem_names(self.track(track_id))
        return [self.download_stem(track_id, name, folder / f"{name}.{format}", format=format) for name in names]

    def download_midi(self, track_id: str, path: Path) -> Path:
        """Fetch a track's MIDI file."""
        return self._fetch(library.midi_path(track_id), {}, path, None)

    def download_file(self, job_id: str, path: Path, *, name: str | None = None) -> Path:
        """Fetch a file that a job made beside tracks; without a name the only one."""
        return self._fetch(shaping.file_path(job_id, name), {}, path, None)

    def download_export(self, path: Path) -> Path:
        """Fetch the archive of everything of the account, once it is ready."""
        return self._fetch(accounts.export_path(), {}, path, None)

    def download_spectrogram(
        self, track_id: str, path: Path, *, width: int = 1200, height: int = 400, scheme: str = "ember"
    ) -> Path:
        """Fetch a picture of a track (PNG)."""
        params = {"width": str(width), "height": str(height), "scheme": scheme}
        return self._fetch(pictures.spectrogram_path(track_id), params, path, None)

    def download_cover(self, track_id: str, path: Path, *, size: int = 640) -> Path:
        """Fetch a track's cover (JPEG, square), at least as large as asked where its owner's picture is."""
        return self._fetch(pictures.cover_path(track_id), {"size": str(size)}, path, None)

    def download_waveform(
        self, track_id: str, path: Path, *, width: int = 1200, height: int = 200, scheme: str = "ember"
    ) -> Path:
        """Fetch a picture of a track's waveform: SVG when `path` ends in .svg, else PNG."""
        params = {"width": str(width), "height": str(height), "scheme": scheme}
        ending = "svg" if path.suffix.lower() == ".svg" else "png"
        return self._fetch(pictures.waveform_path(track_id, ending), params, path, None)

    def download_shared(
        self,
        shared: SharedTrack,
        path: Path,
        *,
        format: AudioFormat = "mp3",  # noqa: A002
        received: Received | None = None,
    ) -> Path:
        """Fetch a track that somebody's link leads to; needs no account."""
        address, params = sharing.shared_link(shared, "audio")
        params |= {"format": format, "download": "true"}
        return self._fetch(address, params, path, received, signed=False)

    def download_shared_cover(self, shared: SharedTrack, path: Path, *, size: int = 640) -> Path:
        """Fetch the cover of a track that somebody's link leads to (JPEG, square)."""
        address, params = sharing.shared_link(shared, "cover")
        return self._fetch(address, {**params, "size": str(size)}, path, None, signed=False)

    def _fetch(
        self, address: str, params: dict[str, str], path: Path, received: Received | None, *, signed: bool = True
    ) -> Path:
        auth = httpx.USE_CLIENT_DEFAULT if signed else None
        with PartialFile(path) as partial:
            while True:
                failure: httpx.TransportError | None = None
                try:
                    with self._http.stream(
                        "GET", address, params=params, headers=partial.headers(), auth=auth
                    ) as response:
                        self._connection.heed(response)
                        if response.is_error:
                            response.read()
                            raise failed_stream(response)
                        partial.begin(response)
                        for data in response.iter_raw():
                            partial.write(data)
                            if received is not None:
                                received(partial.received, partial.expected)
                except httpx.TransportError as error:
                    failure = error
                if failure is None and partial.whole():
                    return partial.commit()
                time.sleep(partial.dropped(failure))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
