"""The generation service, as the gateway calls it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

import grpc

from protos.common.v1 import common_pb2
from protos.generation.v1 import generation_pb2, generation_pb2_grpc
from protos.users.v1 import jobs_pb2
from services.gateway.clients.retries import RETRIES
from services.gateway.tokens.internal import InternalTokens
from services.shared.grpc_client import call, stream
from services.shared.identity import Principal

_SUBMIT_SECONDS = 10.0


class GenerationClient:
    """Models, generations and their live audio."""

    def __init__(self, channel: grpc.aio.Channel, tokens: InternalTokens) -> None:
        self._stub = generation_pb2_grpc.GenerationServiceStub(channel)
        self._tokens = tokens

    async def submit(
        self, caller: Principal, request: generation_pb2.GenerateRequest, idempotency: jobs_pb2.Idempotency | None
    ) -> generation_pb2.SubmitResponse:
        """Create a generation. Repeated by itself only under an idempotency key."""
        response: generation_pb2.SubmitResponse = await call(
            self._stub.Submit,
            generation_pb2.SubmitRequest(request=request, idempotency=idempotency),
            token=self._tokens.token(caller),
            timeout=_SUBMIT_SECONDS,
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def submit_all(
        self,
        caller: Principal,
        requests: Sequence[generation_pb2.GenerateRequest],
        idempotency: Sequence[jobs_pb2.Idempotency | None],
    ) -> list[generation_pb2.SubmitResponse]:
        """Create a generation for each request, or none. Repeated by itself only under idempotency keys."""
        batch = generation_pb2.SubmitBatchRequest(
            requests=[
                generation_pb2.SubmitRequest(request=request, idempotency=key)
                for request, key in zip(requests, idempotency, strict=True)
            ]
        )
        response: generation_pb2.SubmitBatchResponse = await call(
            self._stub.SubmitBatch,
            batch,
            token=self._tokens.token(caller),
            timeout=_SUBMIT_SECONDS,
            retries=RETRIES if all(key is not None for key in idempotency) else 0,
        )
        return list(response.responses)

    async def watch(
        self, caller: Principal, job_id: str, audio_format: common_pb2.AudioFormat.ValueType
    ) -> AsyncGenerator[bytes, None]:
        """The encoded audio of a job from its first sample. Closing the iteration cancels the call."""
        request = generation_pb2.WatchRequest(job_id=job_id, format=audio_format)
        responses = cast(
            "AsyncGenerator[generation_pb2.WatchResponse, None]",
            stream(self._stub.Watch, request, token=self._tokens.token(caller)),
        )
        async with aclosing(responses):
            async for response in responses:
                yield response.data

    async def models(self, caller: Principal) -> list[generation_pb2.Model]:
        """The catalogue."""
        response: generation_pb2.ListModelsResponse = await call(
            self._stub.ListModels,
            generation_pb2.ListModelsRequest(),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return list(response.models)

    async def model(self, caller: Principal, model_id: str) -> generation_pb2.Model:
        """One model of the catalogue."""
        response: generation_pb2.GetModelResponse = await call(
            self._stub.GetModel,
            generation_pb2.GetModelRequest(model_id=model_id),
            token=self._tokens.token(caller),
            retries=RETRIES,
        )
        return response.model

    async def pull_model(
        self, caller: Principal, model_id: str, idempotency: jobs_pb2.Idempotency | None
    ) -> generation_pb2.PullModelResponse:
        """Create the job that fetches a model. Repeated by itself only under an idempotency key."""
        response: generation_pb2.PullModelResponse = await call(
            self._stub.PullModel,
            generation_pb2.PullModelRequest(model_id=model_id, idempotency=idempotency),
            token=self._tokens.token(caller),
            timeout=_SUBMIT_SECONDS,
            retries=RETRIES if idempotency is not None else 0,
        )
        return response

    async def remove_model(self, caller: Principal, model_id: str) -> None:
        """Take a model out of the models folder."""
        await call(
            self._stub.RemoveModel,
            generation_pb2.RemoveModelRequest(model_id=model_id),
            token=self._tokens.token(caller),
            timeout=_SUBMIT_SECONDS,
        )
