"""Load runs are counted by the shipped classes, with figures that they do not reach."""

from pathlib import Path

from services.gateway.rate_limit.policy import load_limits
from tests.load.raised_limits import FACTOR, SHIPPED, raised


def test_load_runs_are_counted_and_not_refused(tmp_path: Path) -> None:
    shipped, wide = load_limits(SHIPPED), load_limits(raised(tmp_path))
    assert wide.classes.keys() == shipped.classes.keys()
    assert wide.by_tier.keys() == shipped.by_tier.keys()
    for name, limit in shipped.classes.items():
        found = wide.classes[name]
        assert found.quota == FACTOR * limit.quota
        assert found.model_dump(exclude={"quota", "key_quota", "site_quota"}) == limit.model_dump(
            exclude={"quota", "key_quota", "site_quota"}
        )
        assert (found.of_a_key is None, found.of_a_site is None) == (limit.of_a_key is None, limit.of_a_site is None)
