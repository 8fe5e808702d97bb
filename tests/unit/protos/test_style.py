"""The protos keep Buf's style, and their generated code is what the sources say (ADR 5)."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FileDescriptor

from protos.common.v1 import common_pb2
from protos.generation.v1 import generation_pb2
from protos.processing.v1 import processing_pb2
from protos.users.v1 import (
    accounts_pb2,
    discovery_pb2,
    exports_pb2,
    federation_pb2,
    jobs_pb2,
    mixes_pb2,
    notifications_pb2,
    social_pb2,
    tracks_pb2,
    webhooks_pb2,
)

ROOT = Path(__file__).resolve().parents[3]
FILES: list[FileDescriptor] = [
    module.DESCRIPTOR
    for module in (
        common_pb2,
        generation_pb2,
        processing_pb2,
        accounts_pb2,
        discovery_pb2,
        federation_pb2,
        jobs_pb2,
        notifications_pb2,
        social_pb2,
        tracks_pb2,
        exports_pb2,
        webhooks_pb2,
        mixes_pb2,
    )
]
SNAKE = re.compile(r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$")
PASCAL = re.compile(r"^[A-Z][A-Za-z0-9]*$")


def messages() -> Iterator[Descriptor]:
    for file in FILES:
        yield from file.message_types_by_name.values()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_package_is_versioned_and_named_after_its_folder(file: FileDescriptor) -> None:
    folder = file.name.split("/")[1]
    assert file.package == f"musicgen.{folder}.v1"


def test_messages_are_pascal_case_and_fields_snake_case() -> None:
    assert [m.full_name for m in messages() if not PASCAL.match(m.name)] == []
    assert [f.full_name for m in messages() for f in m.fields if not SNAKE.match(f.name)] == []


def test_enums_have_a_prefixed_unspecified_zero() -> None:
    for file in FILES:
        for enum in file.enum_types_by_name.values():
            prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
            assert enum.values_by_number[0].name == f"{prefix}UNSPECIFIED"
            assert [v.name for v in enum.values if not v.name.startswith(prefix)] == []


def test_services_are_suffixed_and_each_call_has_messages_of_its_own() -> None:
    seen: set[str] = set()
    for file in FILES:
        for service in file.services_by_name.values():
            assert service.name.endswith("Service")
            for method in service.methods:
                assert PASCAL.match(method.name)
                assert method.input_type.name == f"{method.name}Request"
                assert method.output_type.name == f"{method.name}Response"
                for message in (method.input_type, method.output_type):
                    assert message.full_name not in seen, f"{message.full_name} serves two calls"
                    seen.add(message.full_name)


def test_field_numbers_are_dense() -> None:
    for message in messages():
        assert sorted(message.fields_by_number) == list(range(1, len(message.fields) + 1)), message.full_name


UNITS = ("seconds", "samples", "bytes", "_hz", "_db", "_lufs", "_dbtp", "bpm", "_at")


def test_numbers_carry_their_unit_in_the_name_or_a_comment() -> None:
    bare = []
    for path in sorted((ROOT / "protos").rglob("*.proto")):
        lines = path.read_text().splitlines()
        for above, line in itertools.pairwise(lines):
            field = re.match(r"\s+(?:optional |repeated )?(?:double|float|u?int(?:32|64)) (\w+) = \d+;", line)
            if field and not any(unit in field[1] for unit in UNITS) and not above.strip().startswith("//"):
                bare.append(f"{path.name}: {field[1]}")
    known = {
        "seed",
        "channels",
        "fencing_token",
        "attempts",
        "top_k",
        "temperature",
        "guidance_scale",
        "top_p",
        "bars",
        "progress",
        "maxima",
    }  # fmt: skip — dimensionless by their nature
    assert [name for name in bare if name.split(": ")[1] not in known] == []


def test_every_rpc_message_and_enum_is_described() -> None:
    silent = []
    for path in sorted((ROOT / "protos").rglob("*.proto")):
        lines = path.read_text().splitlines()
        for above, line in itertools.pairwise(lines):
            declared = re.match(r"\s*(rpc|service|enum|message) (\w+)", line)
            if not declared or above.strip().startswith("//"):
                continue
            if declared[1] == "message" and declared[2].endswith(("Request", "Response")):
                continue  # the call describes them
            silent.append(f"{path.name}: {declared[2]}")
    assert silent == []


def test_generated_code_is_fresh() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "scripts" / "generate_protos.py", "--check"], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout + check.stderr
