"""HTTP with a hospital's system: TLS, authentication, and the meaning of answers."""

import base64
from collections.abc import Mapping

import boto3
import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from urllib3.exceptions import HTTPError

from delivery.destination import Away, Refused
from delivery.settings import Web
from delivery.tls import client_context
from screening.errors import Mistake

_TIMEOUT = urllib3.Timeout(connect=10, read=30)
_LATER = {401, 403, 404, 408, 425, 429}  # due to address, permissions or load, not to this result


class WebClient:
    """Safe to use from several threads."""

    def __init__(self, settings: Web) -> None:
        self.settings = settings
        secure = settings.url.startswith("https://")
        context = client_context(settings.ca, settings.certificate, settings.key)
        self._pool = urllib3.PoolManager(
            timeout=_TIMEOUT, retries=False, maxsize=4, ssl_context=context if secure else None
        )
        self._secret()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> urllib3.BaseHTTPResponse:
        """Return a successful answer, or raise Away or Refused.

        `path` begins with a slash or is empty.
        """
        url = self.settings.url.rstrip("/") + path
        try:
            answer = self._pool.request(
                method, url, headers=self._signed(method, url, headers, body), body=body or None
            )
        except HTTPError as error:
            raise Away(f"no answer ({type(error).__name__})") from None
        if answer.status in _LATER or answer.status >= 500:
            raise Away(f"it answers HTTP status {answer.status}")
        if answer.status >= 300:
            raise Refused(f"it answers HTTP status {answer.status}")
        return answer

    def _signed(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        kind = self.settings.authentication
        if kind == "bearer":
            return {**headers, "Authorization": f"Bearer {self._secret()}"}
        if kind == "basic":
            encoded = base64.b64encode(self._secret().encode()).decode()
            return {**headers, "Authorization": f"Basic {encoded}"}
        if kind == "sigv4":
            credentials = boto3.session.Session().get_credentials()
            if credentials is None:
                raise Away("there are no AWS credentials to sign with")
            request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
            SigV4Auth(credentials, self.settings.service, self.settings.region or "").add_auth(
                request
            )
            return dict(request.headers.items())
        return dict(headers)

    def _secret(self) -> str:
        """Read the secret each time, since tokens are renewed while `send` runs."""
        if self.settings.secret_file is None:
            return ""
        try:
            return self.settings.secret_file.read_text().strip()
        except OSError as error:
            raise Mistake(
                f"secret_file {self.settings.secret_file} can't be read: {error.strerror}."
            ) from None
