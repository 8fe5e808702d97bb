"""A real OpenID provider (authlib's server side under Flask) as a process of its own on loopback.

`python -m tests.support.oidc_provider` prints its port and serves until its stdin is closed. It signs everybody in as
the person that `POST /control` names, without asking, and misbehaves as that says.
"""

import base64
import contextlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

CLIENT_ID = "musicgen-studio"
CLIENT_SECRET = "s3cret of the provider's client"


@dataclass
class OidcProvider:
    """The running process, as tests talk to it."""

    port: int
    http: httpx.Client = field(repr=False)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self, **changes: Any) -> None:
        """Who signs in from now on, and what is wrong with it; begins from a plain person each time."""
        self.http.post("/control", json=changes).raise_for_status()

    def counts(self) -> dict[str, int]:
        """How often each path was asked for since the last `control`."""
        return dict(self.http.get("/counts").json())

    def configuration(self, folder: Path, **changes: Any) -> Path:
        """The gateway's file for this provider."""
        (folder / "oidc-secret").write_text(f"{CLIENT_SECRET}\n")
        entry = {
            "id": "loopback",
            "title": "Loopback",
            "issuer": self.issuer,
            "client_id": CLIENT_ID,
            "client_secret_file": "oidc-secret",
            "private_network": True,
            "trusts_email": True,
            **changes,
        }
        path = folder / "oidc.yaml"
        path.write_text(json.dumps({"providers": [entry]}))
        return path

    def authorize(self, url: str) -> dict[str, str]:
        """What the provider answers a browser that was sent to `url`: the parameters of the callback."""
        answer = self.http.get(url)
        assert answer.status_code == 302, answer.text
        return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


@contextlib.contextmanager
def running_oidc_provider() -> Iterator[OidcProvider]:
    command = [sys.executable, "-m", "tests.support.oidc_provider"]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=20) as http:
            yield OidcProvider(port, http)
    finally:
        # It ends with its input.
        process.communicate(timeout=20)


def signed_by_secret(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    """An HS256 token, made by hand: libraries refuse public keys as secrets, attackers do not."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims)]
    body = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(secret, body, "sha256")).rstrip(b"=")
    return (body + b"." + signature).decode()


def main() -> None:
    """Serve."""
    from authlib.integrations.flask_oauth2 import AuthorizationServer
    from authlib.oauth2.rfc6749 import ClientMixin
    from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
    from authlib.oauth2.rfc7636 import CodeChallenge
    from authlib.oidc.core import AuthorizationCodeMixin, UserInfo
    from authlib.oidc.core.grants import OpenIDCode
    from flask import Flask, jsonify, request
    from joserfc import jwt
    from joserfc.jwk import RSAKey
    from werkzeug.serving import make_server

    plain = {"sub": "person-1", "email": "ada@example.org", "email_verified": True, "name": "Ada L."}
    state: dict[str, Any] = {"keys": [], "codes": {}, "counts": {}, "user": plain, "wrong": "", "claims": {}}
    foreign = RSAKey.generate_key(2048, {"kid": "foreign"})

    def rotate() -> None:
        state["keys"] = [RSAKey.generate_key(2048, {"kid": f"k{time.monotonic_ns()}", "use": "sig"})]

    rotate()
    app = Flask("oidc")

    class Client(ClientMixin):
        def get_client_id(self):
            return CLIENT_ID

        def get_default_redirect_uri(self):
            return ""

        def get_allowed_scope(self, scope):
            return scope or ""

        def check_redirect_uri(self, redirect_uri):
            return redirect_uri.endswith("/api/v1/auth/oidc/loopback/callback")

        def check_client_secret(self, client_secret):
            return client_secret == CLIENT_SECRET

        def check_endpoint_auth_method(self, method, endpoint):
            return method == "client_secret_basic"

        def check_response_type(self, response_type):
            return response_type == "code"

        def check_grant_type(self, grant_type):
            return grant_type == "authorization_code"

    @dataclass
    class Code(AuthorizationCodeMixin):
        redirect_uri: str
        scope: str
        nonce: str
        code_challenge: str
        code_challenge_method: str
        code: str
        user: dict[str, Any]

        def get_redirect_uri(self):
            return self.redirect_uri

        def get_scope(self):
            return self.scope

        def get_nonce(self):
            return self.nonce

        def get_auth_time(self):
            return int(time.time())

    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code, request):
            data = request.payload.data
            state["codes"][code] = Code(
                data["redirect_uri"],
                request.scope,
                data.get("nonce", ""),
                data["code_challenge"],
                data["code_challenge_method"],
                code,
                dict(request.user),
            )

        def query_authorization_code(self, code, client):
            return state["codes"].get(code)

        def delete_authorization_code(self, authorization_code):
            state["codes"].pop(authorization_code.code, None)

        def authenticate_user(self, authorization_code):
            return authorization_code.user

    class IdTokens(OpenIDCode):
        def exists_nonce(self, nonce, request):
            return False

        def get_client_claims(self, client):
            now = int(time.time())
            return {"iss": request.host_url.rstrip("/"), "aud": [CLIENT_ID], "iat": now, "exp": now + 300}

        def get_client_algorithm(self, client):
            return "RS256"

        def resolve_client_private_key(self, client):
            return state["keys"][0]

        def generate_user_info(self, user, scope):
            return UserInfo(user)

        def encode_id_token(self, token, oauth_request):
            honest = super().encode_id_token(token, oauth_request)
            claims = {**jwt.decode(honest, state["keys"][0], algorithms=["RS256"]).claims, **state["claims"]}
            claims = {name: value for name, value in claims.items() if value is not None}
            header, key = {"alg": "RS256", "kid": state["keys"][0].kid}, state["keys"][0]
            wrong = state["wrong"]
            if wrong == "unsigned":
                return jwt.encode({"alg": "none"}, claims, None, algorithms=["none"])
            if wrong in {"public key as a secret", "client secret as a key"}:
                secret = CLIENT_SECRET.encode() if wrong.startswith("client") else key.as_pem(private=False)
                return signed_by_secret({**header, "alg": "HS256"}, claims, secret)
            if wrong == "another key":
                return jwt.encode(header, claims, foreign)
            if wrong == "an unknown key":
                return jwt.encode({**header, "kid": "foreign"}, claims, foreign)
            if wrong == "changed":
                head, _, signature = jwt.encode(header, claims, key).split(".")
                _, body, _ = jwt.encode(header, {**claims, "sub": "somebody else"}, foreign).split(".")
                return f"{head}.{body}.{signature}"
            if wrong == "no token":
                return None
            return jwt.encode(header, claims, key)

    server = AuthorizationServer()
    server.init_app(
        app,
        query_client=lambda client_id: Client() if client_id == CLIENT_ID else None,
        save_token=lambda token, request: state.update(token=token, user_of_token=request.user),
    )
    server.register_grant(Grant, [IdTokens(require_nonce=True), CodeChallenge(required=True)])

    @app.before_request
    def count():
        state["counts"][request.path] = state["counts"].get(request.path, 0) + 1

    @app.post("/control")
    def control():
        changes = request.get_json()
        state.update(user={**plain, **changes.pop("user", {})}, wrong=changes.pop("wrong", ""), counts={})
        state["claims"] = changes.pop("claims", {})
        state["metadata"] = changes.pop("metadata", {})
        state["userinfo"] = changes.pop("userinfo", None)
        if changes.pop("rotate", False):
            rotate()
        assert not changes, changes
        return "", 204

    @app.get("/counts")
    def counts():
        return jsonify(state["counts"])

    @app.get("/.well-known/openid-configuration")
    def metadata():
        issuer = request.host_url.rstrip("/")
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
        document = {"issuer": issuer, **{name: f"{issuer}/{path}" for name, path in paths.items()}}
        return jsonify({**document, "userinfo_endpoint": f"{issuer}/userinfo", **state.get("metadata", {})})

    @app.get("/jwks")
    def jwks():
        return jsonify({"keys": [key.as_dict(private=False) for key in state["keys"]]})

    @app.get("/authorize")
    def authorize():
        if state["wrong"] == "denied":
            return (
                "",
                302,
                {"Location": f"{request.args['redirect_uri']}?error=access_denied&state={request.args['state']}"},
            )
        grant = server.get_consent_grant(end_user=state["user"])
        return server.create_authorization_response(grant=grant, grant_user=state["user"])

    @app.post("/token")
    def token():
        if state["wrong"] == "broken":
            return "<html>", 502
        if state["wrong"] == "endless":
            return iter(lambda: "x" * 65_536, None)
        if state["wrong"] == "sent elsewhere":
            return "", 307, {"Location": "http://169.254.169.254/latest/meta-data/"}
        return server.create_token_response()

    @app.get("/userinfo")
    def userinfo():
        if request.headers.get("authorization") != f"Bearer {state['token']['access_token']}":
            return "", 401
        return jsonify(state.get("userinfo") or state["user_of_token"])

    listener = make_server("127.0.0.1", 0, app, threaded=True)
    print(listener.port, flush=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    sys.stdin.read()
    listener.shutdown()


if __name__ == "__main__":
    import logging
    import os

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    main()
