import pytest

from services.shared.networks import network_of, site_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_one_subscriber_is_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::1", "2001:db8:1::/48"),
        ("::ffff:203.0.113.7", None),
        ("203.0.113.7", None),
        ("", None),
        ("fe80::1%eth0", "fe80::/48"),
    ],
)
def test_networks_of_one_customer_are_one_site(address: str, site: str | None) -> None:
    assert site_of(address) == site
