"""TLS for the receiver, with errors that name the file and the fault."""

import ssl
from pathlib import Path


class TlsRefused(Exception):
    """A certificate, key or CA can't be used; the message says which, and why."""


def tls_context(certificate: Path, key: Path, senders_ca: Path | None) -> ssl.SSLContext:
    """Return the TLS settings; with `senders_ca`, senders need a certificate of that CA."""
    for file, option in (
        (certificate, "--certificate"),
        (key, "--key"),
        (senders_ca, "--senders-ca"),
    ):
        _check_readable(file, option)
    if b"ENCRYPTED" in key.read_bytes():
        raise TlsRefused(
            f"--key {key} is encrypted. Decrypt it (openssl pkey -in FILE -out FILE) and keep it "
            "readable for the receiver's user only."
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key, password="")  # never prompt at the terminal
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise TlsRefused(
                f"--key {key} does not belong to --certificate {certificate}."
            ) from None
        raise TlsRefused(
            f"--certificate {certificate} and --key {key} can't be used: both must be PEM files."
        ) from None
    if senders_ca is not None:
        try:
            context.load_verify_locations(senders_ca)
        except ssl.SSLError:
            raise TlsRefused(f"--senders-ca {senders_ca} holds no certificate in PEM.") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _check_readable(file: Path | None, option: str) -> None:
    if file is None:
        return
    try:
        file.open("rb").close()
    except OSError as error:
        raise TlsRefused(f"{option} {file} can't be read: {error.strerror}.") from None
