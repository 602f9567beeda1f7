"""The environment of the stack's programs: what they need, without the user's AWS settings."""

import os
from pathlib import Path

import boto3
import botocore.session
from botocore.config import Config

REGION = "us-east-1"
# The emulator's root key, which is valid in the emulator only.
KEY = "test"
LOOPBACK = "127.0.0.1,localhost"

_NEEDED = {"HOME", "LANG", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TZ", "USER"}
# pip fetches the function's requirements in `sam build`, perhaps from a mirror or through a proxy.
_NEEDED |= {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}
_NEEDED |= {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}


def base(state: Path) -> dict[str, str]:
    """Return the environment that every program of the stack starts with."""
    kept = {k: v for k, v in os.environ.items() if k in _NEEDED or k.startswith(("LC_", "PIP_"))}
    return {**kept, "TMPDIR": str(state / "tmp"), "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}


def aws(endpoint_url: str) -> dict[str, str]:
    """Return the variables that direct an AWS SDK or CLI to the emulator."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def session() -> boto3.Session:
    """Return a boto3 session that reads none of the user's profiles, keys or settings."""
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    return boto3.Session(KEY, KEY, region_name=REGION, botocore_session=core)


def client_config() -> Config:
    """Return the client settings for the emulator: a direct connection, never through a proxy."""
    return Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 2})
