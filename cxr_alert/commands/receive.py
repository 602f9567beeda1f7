"""`receive`: films from a modality or PACS into the bucket."""

import argparse
import logging
import signal
import threading
from pathlib import Path

from cxr_alert.options import Commands, add_command, whole_number
from screening.errors import Mistake


def add_to(commands: Commands) -> None:
    command = add_command(
        commands, "receive", "take DICOM films from the network and put them into a bucket", _run
    )
    command.add_argument("--bucket", required=True, help="the uploads bucket")
    command.add_argument(
        "--from",
        dest="senders",
        nargs="+",
        required=True,
        metavar="TITLE",
        help="AE titles that may send; all others are turned away",
    )
    command.add_argument("--title", default="CXRALERT", help="its own AE title (%(default)s)")
    command.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    command.add_argument("--port", type=int, default=11112, help="(%(default)s)")
    command.add_argument("--prefix", default="", help="of the objects' keys, such as intake/")
    command.add_argument("--spool", type=Path, default=Path("build/spool"), help="(%(default)s)")
    command.add_argument(
        "--spool-megabytes", type=whole_number, default=1024, help="at most (%(default)s)"
    )
    command.add_argument(
        "--patience", type=whole_number, default=20, help="seconds to wait for S3 (%(default)s)"
    )
    command.add_argument("--certificate", type=Path, help="for TLS, with --key")
    command.add_argument("--key", type=Path, help="of the certificate")
    command.add_argument("--senders-ca", type=Path, help="whose certificates senders must have")


def _run(options: argparse.Namespace) -> None:
    import boto3

    from intake.receiver import Receiver, Settings, tls_context

    if (options.certificate is None) != (options.key is None):
        raise Mistake("TLS needs both --certificate and --key.")
    try:
        tls = (
            tls_context(options.certificate, options.key, options.senders_ca)
            if options.certificate
            else None
        )
    except OSError as error:
        raise Mistake(f"The certificate or its key can't be used: {error.strerror}.") from None
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    settings = Settings(
        bucket=options.bucket,
        title=options.title,
        senders=options.senders,
        spool=options.spool,
        spool_bytes=options.spool_megabytes * 1024 * 1024,
        patience=options.patience,
        prefix=options.prefix,
    )
    receiver = Receiver(settings, boto3.client("s3"))
    try:
        port = receiver.start(options.host, options.port, tls)
    except OSError as error:
        raise Mistake(f"Port {options.port} can't be listened at: {error.strerror}.") from None
    print(f"{options.title} listens at {options.host}:{port}; Ctrl-C ends it.", flush=True)
    ended = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: ended.set())
    ended.wait()
    receiver.stop()
