"""What Prometheus and Grafana are told to look at exists."""

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import services

ROOT = Path(__file__).resolve().parents[3]
METRIC = re.compile(r"\b((?:http|grpc|jobs|generation|processing)_[a-z_]+)\b(?=[{\[)\s]|$)")
HOLDERS = ("metrics", "gauges", "reaper", "announcer", "request_context", "response", "grpc_interceptor", "job_run")


def known_metrics() -> set[str]:
    """Every series that the services' modules register."""
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if module.name.rpartition(".")[2] in HOLDERS:
            importlib.import_module(module.name)
    names = set()
    for metric in REGISTRY.collect():
        names |= {metric.name, f"{metric.name}_total", f"{metric.name}_bucket", f"{metric.name}_count"}
    return names


def expressions() -> dict[str, str]:
    alerts = yaml.safe_load((ROOT / "configs/prometheus/alerts.yml").read_text())
    dashboard = json.loads((ROOT / "configs/grafana/dashboards/musicgen.json").read_text())
    found = {rule["alert"]: rule["expr"] for group in alerts["groups"] for rule in group["rules"]}
    found |= {f"{panel['title']} {t['refId']}": t["expr"] for panel in dashboard["panels"] for t in panel["targets"]}
    for path in ROOT.glob("k8s/library/templates/*.tpl"):
        for query in re.findall(r"query: (.*)", path.read_text()):
            found[path.name] = query
    return found


@pytest.mark.parametrize("title", sorted(expressions()))
def test_every_series_of_alerts_panels_and_scaling_is_one_that_a_service_has(title: str) -> None:
    used = set(METRIC.findall(expressions()[title]))
    if "up{" not in expressions()[title]:
        assert used
    assert used <= known_metrics()


def test_prometheus_scrapes_every_service_that_has_metrics() -> None:
    production = yaml.safe_load((ROOT / "docker-compose.production.yml").read_text())["services"]
    scraped = yaml.safe_load((ROOT / "configs/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    with_metrics = {
        name
        for name, service in production.items()
        if any(variable.endswith("_METRICS_PORT") for variable in service.get("environment", {}))
    }
    assert with_metrics <= set(scraped["dns_sd_configs"][0]["names"])
