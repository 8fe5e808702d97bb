"""Long answers: counted while they run, their source closed at once when the client goes away."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from prometheus_client import Counter, Gauge
from starlette.responses import StreamingResponse
from starlette.types import Send

OPEN_STREAMS = Gauge("http_streams_open", "Answers that are being streamed.", ["kind"])
STREAMED_BYTES = Counter("http_streamed_bytes_total", "Bytes of streamed answers.", ["kind"])


class StreamedResponse(StreamingResponse):
    """Sends what `chunks` yields. `kind` names it in the metrics: live, audio or events."""

    def __init__(
        self,
        chunks: AsyncGenerator[bytes, None],
        *,
        kind: str,
        media_type: str,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(chunks, status_code=status_code, headers=headers, media_type=media_type)
        self._chunks = chunks
        self._open = OPEN_STREAMS.labels(kind)
        self._bytes = STREAMED_BYTES.labels(kind)

    async def stream_response(self, send: Send) -> None:
        """Send everything; the generator is closed however this ends."""
        async with aclosing(self._chunks) as chunks:
            with self._open.track_inprogress():
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                async for chunk in chunks:
                    self._bytes.inc(len(chunk))
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
