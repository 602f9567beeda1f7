"""TLS with a destination: the trusted authorities, and our own certificate."""

import ssl
from pathlib import Path

from screening.errors import Mistake


def client_context(
    ca: Path | None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Trust `ca`, or else this machine's authorities; present `certificate` if given."""
    for file in (ca, certificate, key):
        if file is not None and not file.is_file():
            raise Mistake(f"The file {file} of the configuration can't be read. Check its path.")
    if (certificate is None) != (key is None):
        raise Mistake("TLS with a certificate of our own needs both `certificate` and `key`.")
    try:
        context = ssl.create_default_context(cafile=ca)
        if certificate is not None:
            context.load_cert_chain(certificate, key, password="")  # never prompt at the terminal
    except (ssl.SSLError, OSError):
        raise Mistake(
            f"The TLS files {ca or ''} {certificate or ''} {key or ''} can't be used: all must be "
            "PEM, the key unencrypted and that of the certificate."
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
