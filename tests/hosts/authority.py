"""Certificates of every kind, made for a test."""

from __future__ import annotations

import datetime as dt
import ipaddress
from functools import cache
from typing import Final

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW: Final = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
DAY: Final = dt.timedelta(days=1)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@attrs.frozen
class Wanted:
    """What a certificate says of itself."""

    name: str = "the corporation's CA"
    ca: bool | None = True
    signs: bool | None = None
    hosts: tuple[str, ...] = ()
    start: dt.datetime = NOW - DAY
    end: dt.datetime = NOW + DAY

    @property
    def pem(self) -> str:
        """The certificate."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(_key().public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(self.end)
        )
        if self.ca is not None:
            basic = x509.BasicConstraints(ca=self.ca, path_length=None)
            made = made.add_extension(basic, critical=True)
        if self.signs is not None:
            made = made.add_extension(_usage(signs=self.signs), critical=True)
        if self.hosts:
            names = x509.SubjectAlternativeName([*map(_host, self.hosts)])
            made = made.add_extension(names, critical=False)
        signed = made.sign(_key(), hashes.SHA256())
        text: str = signed.public_bytes(serialization.Encoding.PEM).decode()
        return text


def private_key() -> str:
    """A private key in PEM."""
    content: bytes = _key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return content.decode()


def der(pem: str) -> bytes:
    """The same certificate in DER."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    content: bytes = certificate.public_bytes(serialization.Encoding.DER)
    return content


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
