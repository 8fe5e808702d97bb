"""The identity providers that the operator has set up: a YAML file, its secrets in files of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from services.shared.errors import AppError, ErrorCode
from services.shared.outbound import is_web_address

# Asymmetric only (RFC 8725 §3.1): with a shared secret, whoever can check a signature can make one, and `none` is no
# signature.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
_DEFAULT_ALGORITHMS: Final[tuple[Algorithm, ...]] = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
_MOST_PROVIDERS: Final = 20


class Provider(BaseModel):
    """One provider.

    `trusts_email`: the operator believes its confirmed addresses; they link to accounts and count as confirmed here.
    `email_domains`: only people whose confirmed address is in one of them are let in; empty: everybody.
    `private_network`: it is on this machine or in a private network, and may speak plain HTTP there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    issuer: Annotated[str, Field(min_length=1, max_length=500)]
    client_id: Annotated[str, Field(min_length=1, max_length=500)]
    client_secret_file: Path | None = None
    client_secret: SecretStr = Field(default=SecretStr(""), exclude=True)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = _DEFAULT_ALGORITHMS
    registers: bool = True
    trusts_email: bool = False
    email_domains: tuple[str, ...] = ()
    private_network: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not is_web_address(self.issuer, inner=self.private_network) or "?" in self.issuer:
            raise ValueError("issuer has to be an https URL; plain http needs private_network: true")
        if "openid" not in self.scopes:
            raise ValueError("scopes have to hold openid")
        if any(domain != domain.lower() or "@" in domain or not domain for domain in self.email_domains):
            raise ValueError("email_domains are lower case, without @, for example example.org")
        return self

    def admits(self, email: str) -> bool:
        """Whether somebody with this confirmed address is let in."""
        return not self.email_domains or email.rpartition("@")[2].lower() in self.email_domains


def load_providers(path: Path | None) -> Mapping[str, Provider]:
    """The providers by id, in the file's order; none without a file.

    Raises `AppError` (VALIDATION) with a sentence for the operator, which holds no secret.
    """
    if path is None:
        return {}
    try:
        document = yaml.safe_load(path.read_text("utf-8"))
        found = [Provider.model_validate(entry) for entry in document["providers"]]
        found = [_with_secret(provider, path.parent) for provider in found]
    except OSError as error:
        raise _wrong(path, f"{error.filename} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise _wrong(path, said) from error
    except (yaml.YAMLError, TypeError, KeyError, AttributeError, UnicodeDecodeError) as error:
        raise _wrong(path, "it has to hold a list `providers`") from error
    if len({provider.id for provider in found}) < len(found) or len({item.issuer for item in found}) < len(found):
        raise _wrong(path, "each id and each issuer may be there once")
    if len(found) > _MOST_PROVIDERS:
        raise _wrong(path, f"at most {_MOST_PROVIDERS} providers fit on a sign-in page")
    return {provider.id: provider for provider in found}


def _with_secret(provider: Provider, folder: Path) -> Provider:
    if provider.client_secret.get_secret_value():
        raise TypeError("secrets stand in files of their own")
    if provider.client_secret_file is None:
        return provider
    secret = (folder / provider.client_secret_file).read_text("utf-8").strip()
    return provider.model_copy(update={"client_secret": SecretStr(secret)})


def _wrong(path: Path, what: str) -> AppError:
    return AppError(ErrorCode.VALIDATION, f"The identity providers {path} are not as expected: {what}.")
