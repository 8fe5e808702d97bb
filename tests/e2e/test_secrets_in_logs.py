"""Whoever reads the logs learns nobody's secrets: what every process wrote is searched for what was sent through it."""

import re
import uuid

import httpx
import pyotp
import pytest

from tests.support.account_server import mails_in
from tests.support.platform import Platform, eventually

pytestmark = pytest.mark.e2e


def written(platform: Platform) -> dict[str, str]:
    """What each process has logged, and what the terminal showed."""
    found = {path.name: path.read_text(errors="replace") for path in (platform.home / "logs").rglob("*.log*")}
    return found | {"terminal": platform.log}


def test_no_log_holds_what_people_keep_to_themselves(platform: Platform) -> None:
    mark = uuid.uuid4().hex
    name, password, wrong = f"u{mark[:12]}", f"correct horse {mark}", f"wrong guess {mark}"
    email, prompt = f"{mark}@example.org", f"lofi about {mark[:6]} my secret divorce {mark[6:]}"
    secrets = {"password": password, "wrong password": wrong, "address": email, "prompt": prompt}
    with httpx.Client(base_url=platform.url, timeout=60) as http:
        account = {"username": name, "email": email, "password": password, "full_name": "Nobody's business"}
        pair = http.post("/api/v1/auth/register", json=account).json()
        secrets |= {"access token": pair["access_token"], "refresh token": pair["refresh_token"]}
        http.headers["authorization"] = f"Bearer {pair['access_token']}"
        for attempt in (wrong, password):
            answer = http.post("/api/v1/auth/login", json={"identifier": email, "password": attempt})
        assert answer.status_code == 200
        assert http.post("/api/v1/auth/refresh", json={"refresh_token": f"mgr_{mark}"}).status_code == 401
        secrets["made up token"] = f"mgr_{mark}"
        body = {"identifier": name, "password": password}
        browser = httpx.post(f"{platform.url}/api/v1/auth/session", json=body)
        secrets |= {f"cookie {cookie}": value for cookie, value in browser.cookies.items()}
        assert len(browser.cookies) == 2
        key = http.post("/api/v1/api-keys", json={"name": "k", "scopes": ["read"]}).json()["secret"]
        secrets["API key"] = key
        assert httpx.get(f"{platform.url}/api/v1/tracks", headers={"x-api-key": key}).status_code == 200
        assert httpx.get(f"{platform.url}/api/v1/tracks", headers={"x-api-key": f"mga_{mark}"}).status_code == 401
        secrets["made up key"] = f"mga_{mark}"
        factor = http.post("/api/v1/auth/totp/enroll", json={"password": password}).json()["secret"]
        codes = http.post("/api/v1/auth/totp/confirm", json={"code": pyotp.TOTP(factor).now()}).json()["recovery_codes"]
        secrets |= {"second factor": factor, "recovery code": codes[0], "used recovery code": codes[1]}
        assert http.post("/api/v1/auth/login", json={**body, "totp": codes[1]}).status_code == 200
        asked = {"prompt": prompt, "duration": 1, "model": "tone", "title": f"title {mark}"}
        job = http.post("/api/v1/generate", json=asked).json()
        ended = http.get(f"/api/v1/jobs/{job['id']}", params={"wait": 60}).json()
        assert ended["status"] == "succeeded", ended
        track = http.get(f"/api/v1/tracks/{ended['result']['track_ids'][0]}").json()
        signature = httpx.URL(track["links"]["audio"]).params["signature"]
        secrets["signature of a link"] = signature
        assert httpx.get(platform.url + track["links"]["audio"]).status_code == 200
        share = http.post(f"/api/v1/tracks/{track['id']}/share", json={"password": f"only {mark}"}).json()["token"]
        secrets |= {"share token": share, "share's password": f"only {mark}", "made up share token": f"mgs_{mark}"}
        for token, status in ((share, 200), (f"mgs_{mark}", 404)):
            opening = {"token": token, "password": f"only {mark}"}
            opened = httpx.post(f"{platform.url}/api/v1/shared", json=opening)
            assert opened.status_code == status, opened.text
        hook = {"url": f"https://hooks.example.org/{mark}?token={mark}", "events": ["job.succeeded"]}
        made = http.post("/api/v1/webhooks", json=hook)
        assert made.status_code == 201, made.text
        renewed = http.post(f"/api/v1/webhooks/{made.json()['webhook']['id']}/secret").json()["secret"]
        secrets |= {"webhook secret": made.json()["secret"], "renewed webhook secret": renewed}
        assert http.get("/api/v1/tracks", params={"search": f"words {mark}"}).status_code in {200, 422}
        secrets["search"] = f"words {mark}"
        assert http.post("/api/v1/generate", json={"prompt": prompt, "duration": -1}).status_code == 422
        assert http.post("/api/v1/auth/password/forgot", json={"email": email}).status_code == 202

        def mails() -> str:
            return "".join(text for text in mails_in(platform.home / "outbox", email) if "#token=" in text)

        token = re.search(r"#token=(\S+)", eventually(mails, within=60, what="the mail to reset the password"))
        assert token is not None
        secrets["mail token"] = token[1]
        reset = {"token": token[1], "password": f"another horse {mark}"}
        assert http.post("/api/v1/auth/password/reset", json=reset).status_code == 204
        secrets["new password"] = reset["password"]
        last = http.get("/api/v1/users/me").headers["x-request-id"]
    secrets |= {
        f"key file {path.name}": line
        for path in (platform.home / "secrets").iterdir()
        for line in path.read_text().splitlines()
        if path.suffix != ".pub" and ".pub" not in path.name and len(line) > 12 and not line.startswith("-----")
    }
    eventually(lambda: last in "".join(written(platform).values()), within=60, what="the last request is in the log")
    logs = written(platform)
    told = "".join(logs.values())
    assert job["id"] in told, "the logs do tell what happened"
    found = sorted(
        {(what, place) for place, text in logs.items() for what, secret in secrets.items() if secret in text}
    )
    print(f"{len(secrets)} secrets searched for in {len(logs)} logs of {len(told)} characters")
    assert found == []


def test_the_first_admins_password_is_in_no_process_log(platform: Platform) -> None:
    """Standalone shows it once, on the terminal of whoever started it, and in no file of the logs."""
    shown = re.search(r"user admin, password (\S+)$", platform.log, re.MULTILINE)
    assert shown is not None
    files = list((platform.home / "logs").rglob("*.log*"))
    assert files
    assert not [path.name for path in files if shown[1] in path.read_text(errors="replace")]
