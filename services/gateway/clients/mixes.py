"""user_management's mixes, as the gateway calls them."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from protos.common.v1 import common_pb2
from protos.users.v1 import jobs_pb2, mixes_pb2, mixes_pb2_grpc
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call
from services.shared.identity import Principal


class MixesClient:
    """Every call is made as the person who asks."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = mixes_pb2_grpc.MixServiceStub(channel)
        self._tokens = tokens

    async def create(
        self, caller: Principal, *, title: str, session_json: str, note: str, idempotency: jobs_pb2.Idempotency | None
    ) -> mixes_pb2.CreateMixResponse:
        """A new mix. Repeated by itself only under an idempotency key."""
        response: mixes_pb2.CreateMixResponse = await call(
            self._stub.CreateMix,
            mixes_pb2.CreateMixRequest(title=title, session_json=session_json, note=note, idempotency=idempotency),
            token=self._tokens.token(caller),
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def list(self, caller: Principal, *, limit: int, cursor: str) -> mixes_pb2.ListMixesResponse:
        """One page of the caller's mixes, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: mixes_pb2.ListMixesResponse = await call(
            self._stub.ListMixes,
            mixes_pb2.ListMixesRequest(page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def get(self, caller: Principal, mix_id: str) -> mixes_pb2.Mix:
        """One mix."""
        response: mixes_pb2.GetMixResponse = await call(
            self._stub.GetMix,
            mixes_pb2.GetMixRequest(mix_id=mix_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.mix

    async def delete(self, caller: Principal, mix_id: str, versions: Sequence[int] = ()) -> None:
        """Remove a mix with its versions."""
        request = mixes_pb2.DeleteMixRequest(mix_id=mix_id, expected_versions=versions)
        await call(self._stub.DeleteMix, request, token=self._tokens.token(caller))

    async def save(
        self,
        caller: Principal,
        mix_id: str,
        *,
        session_json: str,
        note: str,
        base_version: int,
        versions: Sequence[int] = (),
    ) -> mixes_pb2.MixVersion:
        """A new version; what is the newest already makes no other, so it may be repeated."""
        request = mixes_pb2.SaveMixVersionRequest(
            mix_id=mix_id,
            session_json=session_json,
            note=note,
            base_version=base_version,
            expected_versions=versions,
        )
        response: mixes_pb2.SaveMixVersionResponse = await call(
            self._stub.SaveMixVersion, request, token=self._tokens.token(caller), retries=RETRIES
        )
        return response.version

    async def versions(
        self, caller: Principal, mix_id: str, *, limit: int, cursor: str
    ) -> mixes_pb2.ListMixVersionsResponse:
        """One page of a mix's versions, newest first."""
        page = common_pb2.PageRequest(limit=limit, cursor=cursor)
        response: mixes_pb2.ListMixVersionsResponse = await call(
            self._stub.ListMixVersions,
            mixes_pb2.ListMixVersionsRequest(mix_id=mix_id, page=page),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response

    async def version(self, caller: Principal, mix_id: str, number: int) -> mixes_pb2.MixVersion:
        """One version with its session."""
        response: mixes_pb2.GetMixVersionResponse = await call(
            self._stub.GetMixVersion,
            mixes_pb2.GetMixVersionRequest(mix_id=mix_id, number=number),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.version

    async def restore(self, caller: Principal, mix_id: str, number: int) -> mixes_pb2.MixVersion:
        """An older session as the newest version."""
        response: mixes_pb2.RestoreMixVersionResponse = await call(
            self._stub.RestoreMixVersion,
            mixes_pb2.RestoreMixVersionRequest(mix_id=mix_id, number=number),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.version
