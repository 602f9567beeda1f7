"""A client of the worklist: logs in with PKCE as the page does, and calls the API."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import urllib3

from cxr_alert.local import readers
from cxr_alert.local.stack import Stack

_http = urllib3.PoolManager(retries=False)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Api:
    """One person's access to the worklist, or anonymous access without a token."""

    def __init__(self, stack: Stack, token: str | None = None) -> None:
        self.address = stack.outputs["WorklistUrl"]
        self.token = token

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = _http.request(
            method,
            f"{self.address}/{path}",
            body=None if body is None else json.dumps(body),
            headers=headers,
        )
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, lower, answer.data)


def log_in(stack: Stack, name: str, *groups: str, kind: str = "access") -> Api:
    """Return the access of a person in those groups, created if necessary."""
    password = readers.password(stack, name, groups)
    config = Api(stack).call("GET", "config.json").json()
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    redirect = {"client_id": config["client"], "redirect_uri": f"{Api(stack).address}/"}
    sent = _http.request(
        "POST",
        f"{config['login']}/login",
        body=urlencode(
            {
                **redirect,
                "username": name,
                "password": password,
                "scope": "openid",
                "state": "state",
                "response_type": "code",
                "code_challenge": challenge.decode(),
                "code_challenge_method": "S256",
            }
        ),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
    )
    (code,) = parse_qs(urlsplit(sent.headers["Location"]).query)["code"]
    answer = _http.request(
        "POST",
        f"{config['login']}/oauth2/token",
        body=urlencode(
            {
                **redirect,
                "grant_type": "authorization_code",
                "code": code,
                "code_verifier": verifier,
            }
        ),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    return Api(stack, json.loads(answer.data)[f"{kind}_token"])
