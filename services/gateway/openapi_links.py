"""Where answers lead (OpenAPI 3.1 §4.8.20): which calls take what stands in an answer, for the OpenAPI document.

Programs read from them how calls follow one another, and the tests walk along them: made, read, changed, gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ID: Final = "$response.body#/id"
_FIRST: Final = "$response.body#/items/0/id"
_METHODS: Final = frozenset({"get", "put", "post", "patch", "delete"})


@dataclass(frozen=True, slots=True)
class Lead:
    """`source` answers `status` with what `targets` take: `parameters` by name, each an expression over that answer."""

    source: str
    status: int
    parameters: Mapping[str, str]
    targets: tuple[str, ...]


def _leads(
    noun: str,
    *,
    made_by: Mapping[str, tuple[int, str]],
    listed_by: Iterable[str] = (),
    read: str = "",
    changed_by: Iterable[str] = (),
    deleted_by: str = "",
    used_by: Iterable[str] = (),
) -> list[Lead]:
    """The life of one kind of thing.

    `noun`: the parameter that names it; `made_by`: the calls that make one, each with its status and where the id is.
    """
    changes = tuple(changed_by)
    whole = tuple(name for name in (read, *changes, *used_by, deleted_by) if name)
    leads = [Lead(source, status, {noun: where}, whole) for source, (status, where) in made_by.items()]
    leads += [Lead(source, 200, {noun: _FIRST}, (read,)) for source in listed_by]
    further = tuple(name for name in whole if name != read)
    if read:
        leads.append(Lead(read, 200, {noun: _ID}, further))
        leads += [Lead(change, 200, {noun: _ID}, tuple(filter(None, (read, deleted_by)))) for change in changes]
    return leads


_JOB: Final = (202, _ID)

LEADS: Final[tuple[Lead, ...]] = (
    *_leads(
        "job_id",
        made_by={
            "generate": _JOB,
            "generate_batch": (202, "$response.body#/jobs/0/id"),
            "remix_track": _JOB,
            "render_mix_version": _JOB,
            "upload": _JOB,
            "separate": _JOB,
            "mix": _JOB,
            "master": _JOB,
            "transcribe": _JOB,
            "analyze": _JOB,
            "convert": _JOB,
        },
        listed_by=("list_jobs",),
        read="get_job",
        used_by=("cancel_job",),
    ),
    Lead("cancel_job", 202, {"job_id": _ID}, ("get_job",)),
    Lead("get_job", 200, {"track_id": "$response.body#/result/track_ids/0"}, ("get_track",)),
    *_leads(
        "track_id",
        made_by={},
        listed_by=("list_tracks", "get_feed", "explore", "list_liked_tracks"),
        read="get_track",
        changed_by=("update_track",),
        deleted_by="delete_track",
        used_by=(
            "list_versions",
            "list_stems",
            "list_comments",
            "add_comment",
            "like",
            "unlike",
            "create_share",
            "list_shares",
            "remix_track",
        ),
    ),
    Lead("restore_track", 200, {"track_id": _ID}, ("get_track",)),
    Lead("like", 200, {"track_id": "$request.path.track_id"}, ("unlike",)),
    Lead(
        "add_comment",
        201,
        {"track_id": "$request.path.track_id", "comment_id": _ID},
        ("edit_comment", "remove_comment"),
    ),
    Lead("edit_comment", 200, {"track_id": "$request.path.track_id", "comment_id": _ID}, ("remove_comment",)),
    Lead(
        "create_share",
        201,
        {"track_id": "$request.path.track_id", "share_id": "$response.body#/share/id"},
        ("revoke_share",),
    ),
    *_leads(
        "playlist_id",
        made_by={"create_playlist": (201, _ID)},
        listed_by=("list_playlists",),
        read="get_playlist",
        changed_by=("update_playlist",),
        deleted_by="delete_playlist",
        used_by=("list_playlist_tracks", "list_playlist_members"),
    ),
    *_leads(
        "project_id",
        made_by={"create_project": (201, _ID)},
        listed_by=("list_projects",),
        read="get_project",
        changed_by=("update_project",),
        deleted_by="delete_project",
        used_by=("list_tracks",),
    ),
    *_leads(
        "mix_id",
        made_by={"create_mix": (201, _ID)},
        listed_by=("list_mixes",),
        read="get_mix",
        deleted_by="delete_mix",
        used_by=("list_mix_versions", "save_mix_version"),
    ),
    Lead("create_mix", 201, {"mix_id": _ID, "number": "$response.body#/version"}, ("get_mix_version",)),
    *(
        Lead(
            source,
            status,
            {"mix_id": "$response.body#/mix_id", "number": "$response.body#/number"},
            tuple(name for name in ("get_mix_version", "restore_mix_version", "render_mix_version") if name != source),
        )
        for source, status in (("save_mix_version", 201), ("restore_mix_version", 201), ("get_mix_version", 200))
    ),
    Lead("create_api_key", 201, {"key_id": "$response.body#/key/id"}, ("revoke_api_key",)),
    Lead("list_api_keys", 200, {"key_id": _FIRST}, ("revoke_api_key",)),
    *_leads(
        "webhook_id",
        made_by={"create_webhook": (201, "$response.body#/webhook/id")},
        listed_by=("list_webhooks",),
        read="get_webhook",
        changed_by=("change_webhook",),
        deleted_by="delete_webhook",
        used_by=("list_deliveries", "test_webhook", "renew_webhook_secret"),
    ),
    Lead("test_webhook", 202, {"delivery_id": _ID}, ("redeliver",)),
    Lead("list_deliveries", 200, {"delivery_id": _FIRST}, ("redeliver",)),
    Lead("list_models", 200, {"model_id": _FIRST}, ("get_model",)),
    Lead(
        "get_me",
        200,
        {"username": "$response.body#/username"},
        ("get_profile", "list_followers", "list_following", "list_public_tracks"),
    ),
    Lead(
        "get_track",
        200,
        {"username": "$response.body#/owner/username"},
        ("get_profile", "follow", "mute"),
    ),
    Lead(
        "get_profile",
        200,
        {"username": "$response.body#/username"},
        ("list_followers", "list_following", "list_public_tracks", "follow", "unfollow", "mute", "unmute"),
    ),
    *(
        Lead(source, 204, {"username": "$request.path.username"}, (target,))
        for source, target in (("follow", "unfollow"), ("mute", "unmute"), ("block", "unblock"))
    ),
    Lead("list_reports", 200, {"report_id": _FIRST}, ("get_report",)),
    Lead("get_report", 200, {"report_id": _ID}, ("decide_report",)),
    Lead("list_users", 200, {"user_id": _FIRST}, ("get_user",)),
)


def add_links(document: dict[str, Any]) -> None:
    """Write the leads into the answers that they begin at. Raises `KeyError` where one names what there is not."""
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for method, operation in item.items()
        if method in _METHODS
    }
    for lead in LEADS:
        links = operations[lead.source]["responses"][str(lead.status)].setdefault("links", {})
        for target in lead.targets:
            links[target] = {
                "operationId": operations[target]["operationId"],
                "description": operations[target]["summary"],
                "parameters": dict(lead.parameters),
            }
