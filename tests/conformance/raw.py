"""Hand-written requests, signed by botocore's signer: requests that no client library would send."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import urlencode

import botocore.session
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from botocore.parsers import create_parser

import wire

_SESSION = botocore.session.Session()
_HTTP = URLLib3Session()


class _Signer(SigV4Auth):
    """Signs with a clock that is wrong by `off` seconds."""

    off = 0

    def _modify_request_before_signing(self, request: Any) -> None:
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.off)
        request.context["timestamp"] = now.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


@dataclass
class Raw:
    """The sender of a request, and what is unusual about it."""

    url: str
    account: str
    region: str
    secret: str = ""
    token: str | None = None
    # The service in the credential scope of the signature.
    scope: str = ""
    off: int = 0
    # `before` changes the request before it is signed, `alter` afterwards.
    before: Callable[[AWSRequest], None] = lambda request: None
    alter: Callable[[AWSRequest], None] = lambda request: None

    def send(self, service: str, operation: str, parameters: Any) -> dict[str, Any]:
        """Sends the request and returns the parsed response. An error response raises ClientError, as in a client. `parameters`
        may be the bytes of a JSON body."""
        model = _SESSION.get_service_model(service)
        metadata = model.metadata
        if metadata["protocol"] == "query":
            named = {"Action": operation} if operation else {}
            body = urlencode({**named, "Version": metadata["apiVersion"], **parameters}).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
        else:
            body = parameters if isinstance(parameters, bytes) else json.dumps(parameters).encode()
            target = f"{metadata['targetPrefix']}.{operation}" if operation else ""
            headers = {"Content-Type": f"application/x-amz-json-{metadata['jsonVersion']}", "X-Amz-Target": target}
        request = AWSRequest("POST", self.url + "/", headers, body)
        credentials = Credentials(self.account, self.secret or f"simulated-{self.account}", self.token)
        signer = _Signer(credentials, self.scope or service, self.region)
        signer.off = self.off
        self.before(request)
        signer.add_auth(request)
        self.alter(request)
        answer = _HTTP.send(request.prepare())
        # An unknown operation has no model. It is refused, and all operations of a service have the same error responses.
        known = model.operation_model(operation if operation in model.operation_names else model.operation_names[0])
        wire.check_response(known, answer.status_code, answer.headers, answer.content)
        parsed = create_parser(metadata["protocol"]).parse(
            {"status_code": answer.status_code, "headers": answer.headers, "body": answer.content}, known.output_shape
        )
        if answer.status_code >= 300:
            raise ClientError(parsed, operation)
        return parsed
