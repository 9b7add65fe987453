"""A client of the API that holds every answer to the document."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import httpx2 as httpx
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from sfa.accounts import digest
from sfa.web.api.openapi import document
from tests.web.rows import World


class Checked:
    """Ask as a program does; an answer that the document does not promise fails the test."""

    def __init__(self, client: TestClient, token: str = "") -> None:
        self.client = client
        self.token = token
        self.document = document()
        self.seen: Counter[str] = Counter()

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        address = path if path.startswith("/") else f"/api/v1/{path}"
        answer = self.client.request(method, address, headers=headers, **more)
        self.check(method, address.partition("?")[0], answer)
        return answer

    def json(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """The body of an answer with that status."""
        answer = self(method, path, **more)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """Hold an answer to the document."""
        template, operation = self.operation(method, path)
        if operation is None:
            assert answer.status_code in (401, 404, 405), f"{method} {path} is not documented"
            self.hold({"$ref": "#/components/schemas/Problem"}, answer.json())
            return
        promised = operation["responses"].get(str(answer.status_code))
        if answer.status_code in (206, 416):
            promised = operation["responses"]["200"]
        assert promised, (
            f"{method} {template} answered {answer.status_code}, which is not documented"
        )
        self.seen[f"{operation['operationId']} {answer.status_code}"] += 1
        content = promised.get("content")
        if content is None:
            assert not answer.content
            return
        kind = answer.headers["content-type"].partition(";")[0]
        [(media, shape)] = content.items()
        assert re.fullmatch(media.replace("*", ".*").replace("+", r"\+"), kind) or media.startswith(
            "application/octet"
        ), f"{method} {template}: {kind}, not {media}"
        if "schema" in shape:
            self.hold(shape["schema"], answer.json())

    def hold(self, schema: dict[str, Any], body: Any) -> None:
        """Hold a body to a schema of the document."""
        validator = Draft202012Validator(
            schema | {"components": self.document["components"]},
            format_checker=Draft202012Validator.FORMAT_CHECKER,
        )
        assert [error.message for error in validator.iter_errors(body)] == []

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any] | None]:
        """What the document says of it."""
        for template, methods in sorted(self.document["paths"].items()):
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
                return template, methods.get(method.lower())
        return path, None


def token(
    world: World, user: int = 1, scopes: str = "{read,write,admin,metrics}", text: str = "sfa_owner"
) -> str:
    """An API token of the user's."""
    world.connection.execute(
        "INSERT INTO user_tokens (user_id, context, token_hash, name, scopes) VALUES (%s, 'api', %s, 'test', %s)",
        [user, digest(text), scopes],
    )
    return text
