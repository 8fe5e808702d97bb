"""What fifty people do: look at their songs and others', change and like them, listen to a bit, wait for jobs.

Run by `make load`, which starts a platform and hands over its accounts: MUSICGEN_LOAD_ACCOUNTS is a JSON list of
`{token, track_id, job_id}`.
"""

import itertools
import json
import os
import random

from locust import HttpUser, between, task

ACCOUNTS = itertools.cycle(json.loads(os.environ["MUSICGEN_LOAD_ACCOUNTS"]))


class Listener(HttpUser):
    """One signed-in person. Thinks half a second to one and a half between two clicks."""

    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        account = next(ACCOUNTS)
        self.client.headers["Authorization"] = f"Bearer {account['token']}"
        self.track_id = account["track_id"]
        self.job_id = account["job_id"]

    @task(4)
    def library(self) -> None:
        self.client.get("/api/v1/tracks?limit=20", name="GET /tracks")

    @task(4)
    def one_track(self) -> None:
        self.client.get(f"/api/v1/tracks/{self.track_id}", name="GET /tracks/{id}")

    @task(3)
    def jobs(self) -> None:
        self.client.get("/api/v1/jobs?limit=20", name="GET /jobs")

    @task(3)
    def one_job(self) -> None:
        self.client.get(f"/api/v1/jobs/{self.job_id}", name="GET /jobs/{id}")

    @task(6)
    def wait_for_a_job(self) -> None:
        for _ in range(3):
            self.client.get(f"/api/v1/jobs/{self.job_id}", name="GET /jobs/{id}, a poll")

    @task(2)
    def rename(self) -> None:
        body = {"title": f"Take {random.randrange(1000)}"}
        self.client.patch(f"/api/v1/tracks/{self.track_id}", json=body, name="PATCH /tracks/{id}")

    @task(2)
    def like_and_think_again(self) -> None:
        self.client.put(f"/api/v1/tracks/{self.track_id}/like", name="PUT /tracks/{id}/like")
        self.client.delete(f"/api/v1/tracks/{self.track_id}/like", name="DELETE /tracks/{id}/like")

    @task(1)
    def say_something(self) -> None:
        body = {"body": "That bass!", "position": 1.5}
        with self.client.post(
            f"/api/v1/tracks/{self.track_id}/comments", json=body, name="POST comment, or told to wait",
            catch_response=True,
        ) as answer:  # fmt: skip
            # How much one may say in an hour is a limit of its own, which fifty people of a dozen accounts reach.
            if answer.status_code in {201, 429}:
                answer.success()

    @task(2)
    def look_around(self) -> None:
        self.client.get("/api/v1/explore?limit=20", name="GET /explore")
        self.client.get("/api/v1/feed?limit=20", name="GET /feed")
        self.client.get("/api/v1/search?q=calm", name="GET /search")

    @task(2)
    def models(self) -> None:
        self.client.get("/api/v1/models", name="GET /models")

    @task(2)
    def me(self) -> None:
        self.client.get("/api/v1/users/me", name="GET /users/me")

    @task(2)
    def a_bit_of_audio(self) -> None:
        headers = {"Range": "bytes=0-65535"}
        path = f"/api/v1/tracks/{self.track_id}/audio?format=mp3"
        self.client.get(path, headers=headers, name="GET /tracks/{id}/audio, 64 KiB")

    @task(1)
    def waveform(self) -> None:
        self.client.get(f"/api/v1/tracks/{self.track_id}/waveform?points=500", name="GET /tracks/{id}/waveform")

    @task(1)
    def mistake(self) -> None:
        with self.client.post(
            "/api/v1/generate", json={"prompt": "", "duration": -1}, name="POST /generate, refused", catch_response=True
        ) as answer:
            if answer.status_code == 422:
                answer.success()
