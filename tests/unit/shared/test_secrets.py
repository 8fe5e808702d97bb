"""Key files are private, whole, and made once however many processes start together."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.shared.errors import AppError, ErrorCode
from services.shared.secrets import Secrets, create_missing, main

NAMES = {"access_token.pem", "internal_token.pem", "internal_token.pub.pem", "service_token"}


def test_files_are_only_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    create_missing(folder)
    assert {path.name for path in folder.iterdir()} == NAMES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_existing_keys_stay(tmp_path: Path) -> None:
    create_missing(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    create_missing(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_lost_public_key_is_derived_again(tmp_path: Path) -> None:
    create_missing(tmp_path)
    (tmp_path / "internal_token.pub.pem").unlink()
    create_missing(tmp_path)
    secrets = Secrets(tmp_path)
    signature = secrets.internal_token_private_key().sign(b"x")
    secrets.internal_token_public_key().verify(signature, b"x")


def test_many_starters_agree_on_one_set(tmp_path: Path) -> None:
    for round_number in range(10):
        folder = tmp_path / str(round_number)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _, folder=folder: create_missing(folder), range(8)))
        assert {path.name for path in folder.iterdir()} == NAMES
        secrets = Secrets(folder)
        signature = secrets.internal_token_private_key().sign(b"x")
        secrets.internal_token_public_key().verify(signature, b"x")
        assert len(bytes.fromhex(secrets.service_token_key())) == 32
        secrets.access_token_private_key()


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AppError, match=r"service_token.*SECRETS_DIR"):
        Secrets(tmp_path).service_token_key()


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    if name == "service_token" and len(content) > 20:
        content = content[:20]
    (tmp_path / name).write_bytes(content)
    secrets = Secrets(tmp_path)
    read = {
        "access_token.pem": secrets.access_token_private_key,
        "internal_token.pem": secrets.internal_token_private_key,
        "internal_token.pub.pem": secrets.internal_token_public_key,
        "service_token": secrets.service_token_key,
    }[name]
    with pytest.raises(AppError, match=name):
        read()


def test_keys_of_another_algorithm_are_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "access_token.pem").write_bytes(private)
    (tmp_path / "internal_token.pub.pem").write_bytes(public)
    with pytest.raises(AppError, match="damaged"):
        Secrets(tmp_path).access_token_private_key()
    with pytest.raises(AppError, match="damaged"):
        Secrets(tmp_path).internal_token_public_key()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AppError) as caught:
        create_missing(tmp_path / "file" / "secrets")
    assert caught.value.code is ErrorCode.INTERNAL
    assert str(tmp_path) in caught.value.message


def test_command_makes_the_files_and_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main([str(tmp_path / "secrets")]) == 0
    assert Secrets(tmp_path / "secrets").service_token_key()
    assert main([]) == 2
    assert main([str(tmp_path / "file" / "secrets")]) == 1
