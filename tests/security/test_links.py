"""The links of the OpenAPI document, walked on the running platform: what an answer says to ask next can be asked.

Every link is followed once, with what stands in the answer that it begins at and the document's own examples as bodies:
first what reads and changes, then what deletes. `test_schemathesis` walks them in any order, with made-up bodies.
"""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.account_server import AccountServer

pytestmark = pytest.mark.integration

# What asks generation or processing, of which there is none here.
ELSEWHERE = frozenset(
    {
        "generate", "generate_batch", "separate", "mix", "master", "transcribe", "analyze", "convert", "upload",
        "create_mix", "save_mix_version", "render_mix_version", "remix_track", "list_models", "get_model",
    }
)  # fmt: skip
# Nobody follows or mutes themselves; where nothing was sent, nothing can be sent again.
REFUSED = frozenset({"follow", "mute", "redeliver"})


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    name: str
    method: str
    path: str
    said: dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A call that a link leads to; `begun_at` is the link's answer."""

    operation: str
    parameters: tuple[tuple[str, str], ...]
    begun_at: str = ""


class Walk:
    """The document on the way."""

    def __init__(self, document: dict[str, Any], http: httpx.AsyncClient) -> None:
        self._schemas = document["components"]["schemas"]
        self._http = http
        self.operations = {
            said["operationId"]: Operation(said["operationId"], method, path, said)
            for path, item in document["paths"].items()
            for method, said in item.items()
        }
        self.outcomes: defaultdict[str, set[int]] = defaultdict(set)
        self.followed: set[tuple[str, str]] = set()

    @property
    def there(self) -> set[tuple[str, str]]:
        """Every link whose two ends can be asked here, as source and target."""
        return {
            (name, link["operationId"])
            for name, operation in self.operations.items()
            for answer in operation.said["responses"].values()
            for link in answer.get("links", {}).values()
            if not {name, link["operationId"]} & ELSEWHERE
        }

    async def ask(self, step: Step) -> httpx.Response:
        """Make the call; its answer has to be one that the document tells of."""
        operation, values = self.operations[step.operation], dict(step.parameters)
        path = operation.path
        for item in operation.said.get("parameters", ()):
            if item["in"] == "path":
                path = path.replace(f"{{{item['name']}}}", values.pop(item["name"]))
        body = operation.said.get("requestBody", {}).get("content", {}).get("application/json")
        example = self._schemas[body["schema"]["$ref"].rpartition("/")[2]]["examples"][0] if body else None
        answer = await self._http.request(operation.method, path, params=values, json=example)
        assert str(answer.status_code) in operation.said["responses"], (step, answer.status_code, answer.text)
        assert answer.status_code < 500, (step, answer.text)
        self.outcomes[step.operation].add(answer.status_code)
        return answer

    def onward(self, step: Step, answer: httpx.Response) -> list[Step]:
        """The calls that the answer leads to, those apart that were made from such an answer before."""
        found = []
        links = self.operations[step.operation].said["responses"][str(answer.status_code)].get("links", {})
        for link in links.values():
            if link["operationId"] in ELSEWHERE or (step.operation, link["operationId"]) in self.followed:
                continue
            values = {name: self._value(expression, step, answer) for name, expression in link["parameters"].items()}
            if None not in values.values():
                self.followed.add((step.operation, link["operationId"]))
                parameters = tuple(sorted((name, str(value)) for name, value in values.items()))
                found.append(Step(link["operationId"], parameters, step.operation))
        return found

    @staticmethod
    def _value(expression: str, step: Step, answer: httpx.Response) -> Any:
        if expression.startswith("$request.path."):
            return dict(step.parameters)[expression.removeprefix("$request.path.")]
        found = answer.json()
        for part in expression.removeprefix("$response.body#/").split("/"):
            if isinstance(found, list):
                found = found[int(part)] if int(part) < len(found) else None
            else:
                found = found.get(part) if isinstance(found, dict) else None
        return found


async def test_every_link_leads_to_what_it_promises(accounts: AccountServer, sql: asyncpg.Connection) -> None:
    ada = await accounts.users.sign_up()
    await sql.execute("UPDATE users SET role = 'admin' WHERE id = $1", ada.id)
    for number in range(3):
        await accounts.users.make_track(ada, title=f"Rain {number}", duration_seconds=180.0, public=True)
    async with accounts.client(ada.tokens.access_token) as http:
        walk = Walk((await http.get("/openapi.json")).json(), http)
        begins = {source for source, _ in walk.there} - {
            name for name, operation in walk.operations.items() if "{" in operation.path
        }
        waiting = deque(Step(name, ()) for name in sorted(begins))
        last: list[Step] = []
        while waiting:
            step = waiting.popleft()
            if walk.operations[step.operation].method == "delete":
                last.append(step)
                continue
            answer = await walk.ask(step)
            assert answer.status_code != 404, f"{step.begun_at} leads to nothing: {step}"
            waiting.extend(walk.onward(step, answer))
        # Whole things after what is within them.
        for step in sorted(last, key=lambda step: -len(step.parameters)):
            await walk.ask(step)
            read = Step(step.operation.replace("delete_", "get_"), step.parameters)
            if step.operation.startswith("delete_") and read.operation in walk.operations:
                assert (await walk.ask(read)).status_code == 404, f"{step} left it there"
                walk.outcomes[read.operation].discard(404)
    missed = {link for link in walk.there - walk.followed if walk.outcomes[link[0]] & {200, 201, 202, 204}}
    refused = {name: sorted(found) for name, found in walk.outcomes.items() if found and min(found) >= 400}
    print(f"{len(walk.followed)} of {len(walk.there)} links followed; refused {refused}, not begun {sorted(missed)}")
    assert refused.keys() <= REFUSED, refused
    assert len(walk.followed) >= 70
