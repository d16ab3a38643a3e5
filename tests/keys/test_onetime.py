"""Codes of phones: as RFC 6238 has them, and as authenticator apps take them."""

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from edge.keys.onetime import address_of, code_at, new_secret, step_of

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_the_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    # Appendix B, SHA-1; the last six of its eight digits.
    assert code_at(RFC_SECRET, second // 30) == code


def test_the_step_of_a_code_is_found_among_those_that_hold() -> None:
    code = code_at(RFC_SECRET, 100)
    assert step_of(RFC_SECRET, code, range(99, 102)) == 100
    assert step_of(RFC_SECRET, code, range(101, 104)) is None


def test_the_address_is_what_authenticators_scan() -> None:
    secret = new_secret()
    address = urlsplit(address_of(secret, shop="南京东路店", phone="8000"))
    asked = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/南京东路店:**** 8000"
    assert asked["issuer"] == ["南京东路店"]
    assert (asked["digits"], asked["period"], asked["algorithm"]) == (["6"], ["30"], ["SHA1"])
    assert len(asked["secret"][0]) == 32  # 20 bytes in base32
