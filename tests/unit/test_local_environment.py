from pathlib import Path
from typing import Any

import pytest

from cxr_alert.local import environment


def test_programs_get_nothing_of_the_users_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "clinic")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PIP_INDEX_URL", "https://pypi.example.org/simple")
    base = environment.base(Path("/state"))

    assert not [name for name in base if name.startswith("AWS_") or name == "PYTHONPATH"]
    assert base["PIP_INDEX_URL"] == "https://pypi.example.org/simple"
    assert base["NO_PROXY"] == "127.0.0.1,localhost"


def test_clients_reach_the_emulator_whatever_the_user_has_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHEUSER")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    client: Any = environment.session().client(
        "s3", endpoint_url="http://127.0.0.1:4566", config=environment.client_config()
    )

    credentials = client._request_signer._credentials
    assert credentials.access_key == environment.KEY
    assert client.meta.endpoint_url == "http://127.0.0.1:4566"
    assert client._endpoint.http_session._proxy_config._proxies == {}
