"""Render the Helm charts with every set of values and check the result: `python scripts/check_charts.py [FOLDER]`.

Helm's own renderer and linter (no cluster, no network) and the Kubernetes API's schemas judge. With FOLDER, each
rendered set is left there as one YAML file. Needs the extra `deployment`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import helm_python
import yaml
from kubernetes_validate import ValidationError, validate

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("gateway", "user-management", "generation", "processing")
UMBRELLA = "music-gen-ai"
KUBERNETES = ("1.29", "1.37")
# Kinds that a cluster knows only when KEDA is installed.
FOREIGN = ("keda.sh/",)
SETS: dict[str, tuple[str, ...]] = {
    "default": (),
    "staging": ("values-staging.yaml",),
    "guests": ("values-guests.yaml",),
    "production": ("values-production.yaml",),
    "gpu": ("values-production.yaml", "values-gpu.yaml"),
}


def merged(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`values` with `over` laid upon them, as Helm merges several files."""
    result = dict(values)
    for name, value in over.items():
        known = result.get(name)
        result[name] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def check(umbrella: Path, files: tuple[str, ...]) -> tuple[list[dict[str, Any]], list[str]]:
    """The objects of one set of values, and what is wrong with them."""
    values: dict[str, Any] = {}
    for name in files:
        values = merged(values, yaml.safe_load((umbrella / name).read_text(encoding="utf-8")))
    found = helm_python.lint(umbrella, values, strict=True, with_subcharts=False)
    wrong = [f"lint: {message['path']}: {message['error']}" for message in found["messages"] if message["severity"] > 1]
    with helm_python.Chart.load(umbrella) as chart:
        rendered = chart.render(values=values, name="music")
    objects = [item for text in rendered.values() for item in yaml.safe_load_all(text) if item]
    for item in objects:
        if item["apiVersion"].startswith(FOREIGN):
            continue
        for version in KUBERNETES:
            try:
                validate(item, version, strict=True)
            except ValidationError as error:
                wrong.append(f"{item['kind']} {item['metadata']['name']} ({version}): {error}")
    return objects, wrong


def main() -> int:
    """Check every set; 1 when something is wrong."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        charts = Path(folder) / "k8s"
        shutil.copytree(ROOT / "k8s", charts)
        for name in (*SERVICES, UMBRELLA):
            helm_python.dependency_update(charts / name, skip_refresh=True)
        for name, files in SETS.items():
            objects, wrong = check(charts / UMBRELLA, files)
            failed += len(wrong)
            print(f"{name:<11} {len(objects)} objects, {len(wrong)} wrong", *wrong, sep="\n  " if wrong else "")
            if target is not None:
                target.mkdir(parents=True, exist_ok=True)
                (target / f"{name}.yaml").write_text(yaml.safe_dump_all(objects), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
