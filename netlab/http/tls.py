"""What a client asks of a server's certificate, and the one it shows itself."""

import re
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from zope.interface import implementer

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TLS:
    """How TLS is spoken; files are PEM."""

    verify: bool = True
    authorities: str | None = None  # a file of certificates to trust in place of the system's
    certificate: str | None = None  # a file of the client's own certificate and its key

    def options(self, host: str) -> Any:
        """
        Options for a connection to *host*.

        Raises:
            ValueError: a file holds no certificate, or no key. OSError: it cannot be read.
        """
        own = None if self.certificate is None else _own(self.certificate)
        if not self.verify:
            return _Unverified(host, own)
        trusted = platformTrust() if self.authorities is None else _authorities(self.authorities)
        return optionsForClientTLS(
            host, trustRoot=trusted, clientCertificate=own, acceptableProtocols=[b"http/1.1"]
        )


@implementer(IOpenSSLClientConnectionCreator)
class _Unverified:
    """TLS with whoever answers."""

    def __init__(self, host: str, own: PrivateCertificate | None) -> None:
        self._name = None if isIPAddress(host) or isIPv6Address(host) else host.encode("ascii")
        options = own.options() if own is not None else CertificateOptions()
        self._context = options.getContext()

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        if self._name is not None:
            connection.set_tlsext_host_name(self._name)
        return connection


def _own(path: str) -> PrivateCertificate:
    with open(path, "rb") as file:
        pem = file.read()
    try:
        found: PrivateCertificate = PrivateCertificate.loadPEM(pem)
        return found
    except (crypto.Error, ValueError, TypeError):
        raise ValueError(f"{path} does not hold a certificate and its key in PEM") from None


def _authorities(path: str) -> Any:
    with open(path, "rb") as file:
        found = _CERTIFICATE.findall(file.read())
    try:
        certificates = [Certificate.loadPEM(pem) for pem in found]
    except (crypto.Error, ValueError):
        certificates = []
    if not certificates:
        raise ValueError(f"{path} does not hold certificates in PEM")
    return trustRootFromCertificates(certificates)
