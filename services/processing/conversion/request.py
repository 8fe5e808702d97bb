"""What a conversion is asked for, checked; and how the job ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.processing.media.formats import DERIVATIVES, FORMATS, BitDepth, FormatName, Target, violations_of
from services.shared.errors import AppError, ErrorCode, FieldViolation

KIND: Final = "convert"

# Keys that begin with an underscore are the platform's own and no part of what the caller asked for.
SOURCE_KEY: Final = "_object_key"
TRACE_KEY: Final = "_trace"

_LONGEST_REQUEST: Final = 16_384


class ConvertRequest(BaseModel):
    """The body of a conversion. `sample_rate` in Hz, `bitrate` in bits a second; what is left out is chosen well."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    track_id: Annotated[str, Field(min_length=1, max_length=64)]
    format: FormatName
    sample_rate: Annotated[int | None, Field(ge=8_000, le=192_000, strict=True)] = None
    bit_depth: BitDepth | None = None
    bitrate: Annotated[int | None, Field(ge=8_000, le=510_000, strict=True)] = None

    @property
    def asked(self) -> Target:
        """What was asked for, as it was."""
        return Target(FORMATS[self.format], self.sample_rate, self.bit_depth, self.bitrate)

    @property
    def target(self) -> Target:
        """What to write; depth and bit rate as the track itself is offered, unless asked for otherwise."""
        usual = DERIVATIVES[self.format]
        return Target(
            FORMATS[self.format],
            self.sample_rate,
            self.bit_depth if self.bit_depth is not None else usual.bit_depth,
            self.bitrate if self.bitrate is not None else usual.bitrate,
        )


def parse(text: str) -> ConvertRequest:
    """A caller's JSON. Raises VALIDATION with every field that has to change."""
    if len(text) > _LONGEST_REQUEST:
        raise AppError.field("", "The request is too long.")
    try:
        request = ConvertRequest.model_validate_json(text)
    except ValidationError as error:
        raise _refused([_violation(item) for item in error.errors(include_url=False)]) from None
    wrong = violations_of(request.asked)
    if wrong:
        raise _refused(wrong)
    return request


def _violation(item: Any) -> FieldViolation:
    pointer = "".join(f"/{part}" for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return FieldViolation(pointer, "This field is not known; leave it out.")
    if item["loc"] == ("format",) and item["type"] == "literal_error":
        return FieldViolation(pointer, f"Choose one of {', '.join(get_args(FormatName))}.")
    return FieldViolation(pointer, f"{item['msg']}.")


def _refused(violations: list[FieldViolation]) -> AppError:
    return AppError(ErrorCode.VALIDATION, "The conversion cannot be done as asked.", violations=violations)


def encode(request: ConvertRequest, source_key: str, trace: Mapping[str, str]) -> str:
    """The JSON that the ledger keeps."""
    body = request.model_dump(exclude_none=True)
    return orjson.dumps({**body, SOURCE_KEY: source_key, TRACE_KEY: dict(trace)}).decode()


def decode(text: str) -> tuple[ConvertRequest, str, dict[str, str]]:
    """The request, the source's key and the trace carrier of a job. Raises INTERNAL for what `encode` never wrote."""
    try:
        body = orjson.loads(text)
        source_key, trace = str(body.pop(SOURCE_KEY)), dict(body.pop(TRACE_KEY, {}))
        return ConvertRequest.model_validate(body), source_key, trace
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AppError(ErrorCode.INTERNAL, "The job's request cannot be read by this version.") from error
