"""Generate the Python code of `protos/` beside the .proto files.

Run `python scripts/generate_protos.py` to write it, `--check` to fail when the committed code is stale.
"""

import filecmp
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUFFIXES = ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py")


def generate(target: Path) -> list[Path]:
    """Write the generated files below `target`; return their paths relative to it.

    The compiler and its plug-ins are taken from this interpreter's environment, so that their versions are pinned.
    """
    sources = sorted(path.relative_to(ROOT) for path in (ROOT / "protos").rglob("*.proto"))
    binaries = Path(sys.executable).parent
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT}",
            f"--plugin=protoc-gen-mypy={binaries / 'protoc-gen-mypy'}",
            f"--python_out={target}", f"--grpc_python_out={target}", f"--mypy_out={target}",
            *map(str, sources),
        ],
        cwd=ROOT,
        check=True,
    )  # fmt: skip
    return sorted(path.relative_to(target) for path in (target / "protos").rglob("*") if path.name.endswith(SUFFIXES))


def main() -> int:
    """Generate in place, or compare with what is committed."""
    if "--check" not in sys.argv:
        for path in generate(ROOT):
            print(path)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        fresh = generate(Path(folder))
        stale = [
            str(path)
            for path in fresh
            if not (ROOT / path).exists() or not filecmp.cmp(ROOT / path, Path(folder) / path, shallow=False)
        ]
    if stale:
        print("Generated code is stale, run `make protos`:", *stale, sep="\n  ")
        return 1
    print(f"{len(fresh)} generated files are fresh.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
