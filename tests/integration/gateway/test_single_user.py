import httpx

from tests.support.gateway_platform import Backend, running_gateway


async def test_one_person_needs_no_sign_in(backend: Backend) -> None:
    async with running_gateway(backend, single_user=True) as gateway, gateway.client() as http:
        assert (await http.get("/api/v1/users/me")).json()["username"] == "local"
        job = await http.post("/api/v1/generate", json={"prompt": "x"})
        assert job.status_code == 202
        assert (await http.get(job.headers["location"])).status_code == 200
        assert (await http.get("/version")).json()["single_user"]
        login = await http.post("/api/v1/auth/login", json={"identifier": "a", "password": "b"})
        assert login.status_code == 409
        assert (await http.get("/api/v1/auth/sessions")).json()["items"] == []


async def test_one_persons_server_refuses_other_names_and_other_sites(backend: Backend) -> None:
    async with running_gateway(backend, single_user=True) as gateway, gateway.client() as http:
        port = gateway.url.rpartition(":")[2]
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "localhost"):
            assert (await http.get("/api/v1/users/me", headers={"host": host})).status_code == 200
        for host in ("evil.example", f"127.0.0.1.evil.example:{port}", "", "[::1", "localhost.evil.example"):
            assert (await http.get("/api/v1/users/me", headers={"host": host})).status_code == 403

        async def post(**headers: str) -> httpx.Response:
            return await http.post(
                "/api/v1/generate",
                json={"prompt": "x"},
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )

        for allowed in ({}, {"origin": gateway.url}, {"origin": gateway.url, "sec_fetch_site": "same-origin"}):
            assert (await post(**allowed)).status_code == 202
        for foreign in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"origin": "http://127.0.0.1:1"},
            {"sec_fetch_site": "cross-site"},
        ):
            assert (await post(**foreign)).status_code == 403
