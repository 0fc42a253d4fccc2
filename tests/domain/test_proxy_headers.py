import pytest

from chalicelib.domain.errors import Invalid
from chalicelib.domain.proxy_headers import Client, client, is_header, proxies, rewritten

TRUSTED = proxies(["127.0.0.1", "10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "headers", "found"),
    [
        ("192.0.2.1", {"Host": "a"}, Client("192.0.2.1")),
        ("127.0.0.1", {}, Client("127.0.0.1")),  # a program of the host, though a proxy may live there
        ("192.0.2.1", {"X-Forwarded-For": "127.0.0.1"}, Client("192.0.2.1", True, False)),
        ("192.0.2.1", {"Via": "1.1 squid"}, Client("192.0.2.1", True, False)),
        ("192.0.2.1", {"X_Forwarded_For": "127.0.0.1"}, Client("192.0.2.1", True, False)),
        ("127.0.0.1", {"X_Forwarded_For": "203.0.113.7"}, Client("203.0.113.7", True)),
        ("somewhere", {"X-Forwarded-For": "203.0.113.7"}, Client("somewhere", True, False)),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, Client("203.0.113.7", True)),
        # what the client wrote itself stands further left
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.7"}, Client("203.0.113.7", True)),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7, 10.1.1.1"}, Client("203.0.113.7", True)),
        ("127.0.0.1", {"X-Forwarded-For": "10.2.2.2, 10.1.1.1"}, Client("10.2.2.2", True)),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, Client("127.0.0.1", True)),
        ("127.0.0.1", {"X-Forwarded-For": "unknown"}, Client("127.0.0.1", True, False)),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7, x"}, Client("127.0.0.1", True, False)),
        ("127.0.0.1", {"X-Real-IP": "203.0.113.7"}, Client("127.0.0.1", True, False)),
        ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7:4711"}, Client("203.0.113.7", True)),
        ("::1", {"X-Forwarded-For": '"[2001:db8::1%eth0]:1"'}, Client("2001:db8::1", True)),
        ("::1", {"X-Forwarded-For": "::ffff:203.0.113.7"}, Client("203.0.113.7", True)),
        (
            "127.0.0.1",
            {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "HTTPS", "X-Forwarded-Host": "a, b"},
            Client("203.0.113.7", True, True, "https", "b"),
        ),
        (
            "127.0.0.1",
            {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "gopher"},
            Client("203.0.113.7", True),
        ),
    ],
)
def test_who_asks(peer: str, headers: dict[str, str], found: Client) -> None:
    assert client(peer, list(headers.items()), TRUSTED) == found


def test_a_setting_that_names_no_network_is_refused() -> None:
    with pytest.raises(Invalid, match='PSCHEDULER_TRUSTED_PROXIES: "gateway"'):
        proxies(["10.0.0.1", "gateway"])


def test_headers_lose_what_tells_of_proxies_and_have_the_host_that_was_asked_for() -> None:
    headers = {"Host": "inner", "X-Forwarded-Host": "outer", "x_forwarded_port": "1", "Accept": "*/*"}

    assert rewritten(headers, Client("a", True, True, None, "outer")) == {"Host": "outer", "Accept": "*/*"}
    assert rewritten(headers, Client("a", True, False)) == {"Host": "inner", "Accept": "*/*"}


def test_headers_of_proxies_are_known_however_they_are_written() -> None:
    assert all(map(is_header, ["Forwarded", "VIA", "X-Forwarded-Anything", "x_real_ip", "CF-Connecting-IP"]))
    assert not any(map(is_header, ["Host", "X-Forward", "Via-Something", "X-API-Key"]))
