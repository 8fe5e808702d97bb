"""What strangers may have the server call: nothing but the public internet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import AppError
from services.shared.networks import is_public
from services.user_management.webhooks.rules import Target, target_of

REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.1.2.3",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "0:1::1",
    "3fff::1",
    "5f00::1",
    "not an address",
    "",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2606:4700::1111"]


@pytest.mark.parametrize("address", REFUSED)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_public_internet_may_be_called(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_no_disguise_makes_an_address_callable(address: object) -> None:
    octets = bytes(map(int, str(address).split(".")))
    disguises = [
        f"::ffff:{address}",
        f"::{address}",
        f"64:ff9b::{octets.hex()[:4]}:{octets.hex()[4:]}",
        f"2002:{octets.hex()[:4]}:{octets.hex()[4:]}::1",
    ]
    assert not any(is_public(disguise) for disguise in disguises)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "https://",
        "https:///path",
        "https://user:pass@example.org/",
        "https://example.org@10.0.0.1/",
        "https://@example.org/",
        "https://example.org/#part",
        "https://example.org#",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://10.0.0.1:8443/",
        "https://example.org:22/",
        "https://example.org:0/",
        "https://example.org:65536/",
        "https://example.org:-1/",
        "https://example.org:x/",
        "https://example.org /",
        "https://exa\tmple.org/",
        "https://example.org/\r\nX-Evil: 1",
        "https://example.org\\@127.0.0.1/",
        "https://exämple.org/",
        "https://[fe80::1%25eth0]/",
        "https://[::1/",
        "https://exa%6dple.org/",
        "https://-/",
        "https://example.org/" + "x" * 2000,
        "",
    ],
)
def test_addresses_that_lead_elsewhere_are_named_as_wrong(url: str) -> None:
    with pytest.raises(AppError) as refused:
        target_of(url, private=False)
    assert refused.value.violations[0].pointer == "/url"


@pytest.mark.parametrize(
    ("url", "target", "host"),
    [
        ("https://example.org", Target("https", "example.org", 443, "/"), "example.org"),
        ("https://Example.ORG:8443/a?b=c", Target("https", "example.org", 8443, "/a?b=c"), "example.org:8443"),
        ("https://xn--exmple-cua.org?x", Target("https", "xn--exmple-cua.org", 443, "/?x"), "xn--exmple-cua.org"),
        ("https://[2606:4700::1111]/", Target("https", "2606:4700::1111", 443, "/"), "[2606:4700::1111]"),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target, host: str) -> None:
    found = target_of(url, private=False)
    assert found == target
    assert found.host_header == host


def test_an_operator_may_open_private_networks() -> None:
    assert target_of("http://10.0.0.1:81/x", private=True) == Target("http", "10.0.0.1", 81, "/x")
