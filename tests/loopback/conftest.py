"""What the tests on real sockets share."""

import socket

import pytest


@pytest.fixture(params=["127.0.0.1", "::1"])
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of IPv4, then that of IPv6."""
    address: str = request.param
    if ":" in address:
        try:
            with socket.socket(socket.AF_INET6) as probe:
                probe.bind((address, 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    return address
