"""`receive`: receive DICOM films from a modality or PACS and upload them to the bucket."""

import argparse
import errno
import logging
import re
import signal
import socket
import threading
from pathlib import Path

from cxr_alert.commands.identify import add_identities, identities_of
from cxr_alert.options import Commands, add_command, whole_number
from screening.config import BUCKET
from screening.errors import Mistake


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "receive",
        "receive DICOM films from the network and upload them to a bucket",
        _run,
    )
    command.add_argument("--bucket", type=_bucket, required=True, help="the uploads bucket")
    command.add_argument(
        "--from",
        dest="senders",
        type=_title,
        nargs="+",
        required=True,
        metavar="TITLE",
        help="AE titles that may send; all others are refused",
    )
    command.add_argument(
        "--title", type=_title, default="CXRALERT", help="own AE title (default: %(default)s)"
    )
    command.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    command.add_argument(
        "--port",
        type=_port,
        default=11112,
        help="port to listen on; 0 takes a free one (default: %(default)s)",
    )
    command.add_argument("--prefix", default="", help="prefix of the object keys, e.g. intake/")
    command.add_argument(
        "--spool",
        type=Path,
        default=Path("build/spool"),
        help="folder for films that are not uploaded yet; a subfolder is made "
        "(default: %(default)s)",
    )
    command.add_argument(
        "--spool-megabytes",
        type=whole_number,
        default=1024,
        help="largest size of the spool in megabytes (default: %(default)s)",
    )
    command.add_argument(
        "--patience",
        type=whole_number,
        default=20,
        help="seconds to wait for S3 (default: %(default)s)",
    )
    add_identities(
        command,
        "encrypted file for the patients' identity; films in the bucket do not contain it",
    )
    command.add_argument("--certificate", type=Path, help="for TLS, with --key")
    command.add_argument("--key", type=Path, help="private key of the certificate")
    command.add_argument(
        "--senders-ca",
        type=Path,
        help="CA certificates; senders must have a certificate of one of them",
    )


def _run(options: argparse.Namespace) -> None:
    from botocore.exceptions import BotoCoreError

    from intake.bucket import BucketAway, BucketRefused, make_client
    from intake.receiver import Receiver, Settings
    from intake.spool import SpoolRefused
    from intake.tls import TlsRefused, tls_context

    if (options.certificate is None) != (options.key is None):
        raise Mistake("TLS needs both --certificate and --key.")
    if options.senders_ca is not None and options.certificate is None:
        raise Mistake(
            "--senders-ca asks senders for certificates over TLS, which needs --certificate and "
            "--key."
        )
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    logging.getLogger("intake").setLevel(logging.INFO)
    settings = Settings(
        bucket=options.bucket,
        title=options.title,
        senders=options.senders,
        spool=options.spool,
        spool_bytes=options.spool_megabytes * 1024 * 1024,
        patience=options.patience,
        prefix=options.prefix,
    )
    try:
        tls = (
            tls_context(options.certificate, options.key, options.senders_ca)
            if options.certificate
            else None
        )
        identities = identities_of(options, make=True)
        receiver = Receiver(settings, make_client(options.patience), identities)
        receiver.spool.open()
        receiver.bucket.check(options.prefix)
    except (TlsRefused, BucketRefused) as error:
        raise Mistake(str(error)) from None
    except SpoolRefused as error:
        raise Mistake(f"--spool: {error}.") from None
    except BucketAway as error:
        print(
            f"S3 accepts no films now ({error}): until it does, senders get a status "
            "that asks them to try again."
        )
    except BotoCoreError as error:
        raise Mistake(f"AWS can't be used: {error} Set AWS_PROFILE and AWS_REGION.") from None
    try:
        port = receiver.start(options.host, options.port, tls)
    except OSError as error:
        raise Mistake(_cannot_listen(options, error)) from None
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    if options.keep_identity:
        print(
            f"Patient identity stays in {options.keep_identity}. Keep a copy of its key apart from "
            "it: without the key, no result can be delivered."
        )
    print(f"{options.title} listens on {options.host}:{port}; Ctrl-C ends it.", flush=True)
    ended.wait()
    receiver.stop()


def _cannot_listen(options: argparse.Namespace, error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return f"--host {options.host}: this machine has no such address. Name one that it has."
    advice = {
        errno.EADDRINUSE: "Another program uses this port; choose another one with --port.",
        errno.EACCES: "Ports below 1024 need a privilege; choose a higher one with --port.",
    }.get(error.errno or 0, "Choose another with --port.")
    return f"Port {options.port} can't be opened: {error.strerror}. {advice}"


def _bucket(text: str) -> str:
    if not re.fullmatch(BUCKET, text):
        raise argparse.ArgumentTypeError(
            f"{text} is not a bucket's name: give the name alone, e.g. uploads, without s3:// "
            "(3 to 63 lower-case letters, digits, dots and hyphens)"
        )
    return text


def _title(text: str) -> str:
    """Check an AE title by PS3.5; spaces around it have no meaning."""
    title = text.strip(" ")
    if not re.fullmatch(r"[\x20-\x5b\x5d-\x7e]{1,16}", title):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not an AE title: it has 1 to 16 ASCII characters, without backslash"
        )
    return title


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: ports are 1 to 65535")
    return int(text)
