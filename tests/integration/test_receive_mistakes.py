"""`cxr-alert receive` with invalid options: exit status 2 and one sentence that names the error."""

import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cxr_alert.program import main
from intake.spool import FOLDER
from tests.receiving import MotoBucket, certificate, moto_bucket, receiving


@pytest.fixture(scope="module")
def bucket() -> Iterator[MotoBucket]:
    with moto_bucket() as made:
        yield made


@pytest.fixture
def refused(bucket: MotoBucket, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> "Refused":
    return Refused(bucket, tmp_path, capsys)


class Refused:
    def __init__(
        self, bucket: MotoBucket, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.environment = bucket.environment
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *options: str, **environment: str) -> str:
        """Run `receive`, which must end by itself; return its output."""
        usual = {
            "--bucket": "uploads",
            "--from": "PACS",
            "--port": "0",
            "--spool": str(self.folder / "spool"),
        }
        usual |= dict(zip(options[::2], options[1::2], strict=True))
        arguments = ["receive", *(part for pair in usual.items() for part in pair)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps credentials
            for name, value in (self.environment | environment).items():
                patch.setenv(name, value)
            for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
                patch.delenv(name, raising=False)
            try:
                status = main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        said = self.capsys.readouterr()
        assert status == 2
        assert "Traceback" not in said.err
        return said.err.split("error: ")[-1]


@pytest.mark.parametrize(
    "title", ["", "   ", "A" * 17, "A\\B", "RÖNTGEN", "A\tB", "A\nB", "\u3000"]
)
@pytest.mark.parametrize("option", ["--title", "--from"])
def test_invalid_ae_titles_are_refused(refused: Refused, option: str, title: str) -> None:
    assert "1 to 16 ASCII characters, without backslash" in refused(option, title)


@pytest.mark.parametrize("port", ["70000", "65536", "x", "", "1e3", "11112 "])
def test_invalid_ports_are_refused(refused: Refused, port: str) -> None:
    assert "65535" in refused("--port", port)


def test_a_port_in_use_is_reported(refused: Refused) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert re.search(f"{port}.*already in use.*--port", refused("--port", port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid"])
def test_unknown_hosts_are_refused(refused: Refused, host: str) -> None:
    assert f"--host {host}" in refused("--host", host)


@pytest.mark.parametrize("name", ["s3://uploads", "Uploads", "uploads/intake", "", "up loads"])
def test_invalid_bucket_names_are_refused(refused: Refused, name: str) -> None:
    assert "without s3://" in refused("--bucket", name)


def test_a_missing_bucket_is_reported(refused: Refused) -> None:
    assert refused("--bucket", "uplaods") == "There is no bucket uplaods. Check --bucket.\n"


def test_missing_credentials_are_reported(refused: Refused) -> None:
    said = refused(
        "--port", "0", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_EC2_METADATA_DISABLED="1"
    )
    assert "build/local/aws.env" in said


def test_a_missing_profile_is_reported(refused: Refused) -> None:
    assert "nobody" in refused("--port", "0", AWS_DEFAULT_PROFILE="nobody")


def test_unusable_spools_are_reported(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("of somebody else")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / FOLDER).symlink_to(tmp_path)
    for spool in ("/proc/nowhere", f"{tmp_path}/file", f"{tmp_path}/file/below"):
        assert spool in refused("--spool", spool)
    assert f"{tmp_path}/linked" in refused("--spool", f"{tmp_path}/linked")
    assert (tmp_path / "file").read_text() == "of somebody else"


def test_a_spool_in_use_is_reported(refused: Refused, bucket: MotoBucket, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    with receiving(bucket.environment, spool):
        assert "another receiver" in refused("--spool", str(spool))


def test_a_spool_keeps_files_of_others(bucket: MotoBucket, tmp_path: Path) -> None:
    kept = [tmp_path / "film.dcm", tmp_path / "below" / "film.dcm", tmp_path / "notes.txt"]
    own = tmp_path / FOLDER
    for each in (*kept, own / "left.dcm"):
        each.parent.mkdir(exist_ok=True)
        each.write_bytes(b"film")
    (tmp_path / "linked.dcm").symlink_to(kept[0])
    own.chmod(0o755)
    with receiving(bucket.environment, tmp_path):
        assert list(own.iterdir()) == []
        assert own.stat().st_mode & 0o777 == 0o700
    assert all(each.read_bytes() == b"film" for each in (*kept, tmp_path / "linked.dcm"))


def test_unusable_certificates_are_reported(refused: Refused, tmp_path: Path) -> None:
    own, other = certificate(tmp_path, "receiver"), certificate(tmp_path, "other")
    encrypted, nothing, missing = tmp_path / "e.key", tmp_path / "empty", tmp_path / "missing.pem"
    nothing.touch()
    command = ("openssl", "pkey", "-in", own.key_file, "-aes256", "-passout", "pass:x")
    subprocess.run([*command, "-out", encrypted], check=True)

    def said(file: Path, key: Path, *more: str) -> str:
        return refused("--certificate", str(file), "--key", str(key), *more)

    assert f"--certificate {missing} can't be read: No such file" in said(missing, own.key_file)
    assert f"--key {missing} can't be read" in said(own.file, missing)
    assert f"--key {tmp_path} can't be read" in said(own.file, tmp_path)
    assert "does not belong to" in said(own.file, other.key_file)
    assert f"--key {encrypted} is encrypted" in said(own.file, encrypted)
    assert "must be PEM" in said(nothing, own.key_file)
    assert "--senders-ca" in said(own.file, own.key_file, "--senders-ca", str(missing))
    assert "no certificate" in said(own.file, own.key_file, "--senders-ca", str(nothing))
    assert "needs both" in refused("--certificate", str(own.file))
    assert "needs --certificate" in refused("--senders-ca", str(missing))


def test_unusable_identity_files_are_reported(refused: Refused, tmp_path: Path) -> None:
    file, key = tmp_path / "identities", tmp_path / "identities.key"
    assert "--identity-key is the key of" in refused("--identity-key", str(key))
    nowhere = str(tmp_path / "nowhere" / "identities")
    assert "No such file or directory" in refused("--keep-identity", nowhere)
    file.touch(mode=0o600)
    assert f"The key {key} of {file} is missing" in refused("--keep-identity", str(file))
    key.write_bytes(b"readable for all")
    assert f"Type `chmod 600 {key}`" in refused("--keep-identity", str(file))
