"""A hub of models on loopback: the answers that the real one gives, for folders of a test's own."""

import hashlib
import json
from pathlib import Path

from tests.support.file_server import FileServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def publish(files: FileServer, repository: str, folder: Path) -> None:
    """Offer a folder as the hub's repository; weights by SHA-256, the small files by git's SHA-1."""
    entries = []
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        git = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
        entry = {"type": "file", "oid": git, "size": len(content), "path": path.name}
        if path.suffix == ".safetensors":
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        entries.append(entry)
        files.files[f"/{repository}/resolve/{COMMIT}/{path.name}"] = content
    entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": "samples"})
    files.files[f"/api/models/{repository}/revision/main"] = json.dumps({"sha": COMMIT}).encode()
    files.files[f"/api/models/{repository}/tree/{COMMIT}"] = json.dumps(entries).encode()
