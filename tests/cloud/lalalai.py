"""A stand-in for lalal.ai on this machine: its API, its links, its rules, and the books that say what was billed.

It separates nothing: every result is the audio that the test gave. Progress moves by `advance`, never by the clock.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

KEY = "a-valid-key"
STEMS = {"vocals", "drum", "piano", "bass", "electric_guitar", "acoustic_guitar"}
ALL_STEMS = STEMS | {"synthesizer", "strings", "wind"}
SPLITTERS = {"andromeda", "perseus", "orion", "phoenix", "lyra", None}
FORMATS = {"mp3", "wav", "flac", "aac", "ogg", None}
VOICES = {"ALEX_KAYE", "STASIA_FAYE", "NICOLAAS_HAAS", "NIK_ZEL", "OLIA_CHEBO", "YVAR_DE_GROOT", "VETRANA"}  # fmt: skip
COMMON = {"splitter", "dereverb_enabled", "encoder_format"}
KNOWN = {
    "stem_separator": COMMON | {"stem", "multivocal", "extraction_level"},
    "multistem": COMMON | {"stem_list", "extraction_level"},
    "demuser": COMMON | {"stem"},
    "voice_clean": COMMON | {"stem", "noise_cancelling_level"},
    "change_voice": {"voice_pack_id", "accent", "tonality_reference", "dereverb_enabled", "encoder_format"},
}  # fmt: skip


@dataclass
class Task:
    source: str
    kind: str
    presets: dict[str, Any]
    key: str | None
    progress: float = 0.0
    status: str = "progress"
    error: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self) -> list[tuple[str, str]]:
        match self.kind:
            case "stem_separator" if self.presets.get("multivocal"):
                return [("stem", "vocals@0"), ("stem", "vocals@1"), ("back", "no_vocals"), ("back", "mix_no_lead")]  # fmt: skip
            case "multistem":
                return [("stem", s) for s in self.presets["stem_list"]] + [("back", "no_multistem")]
            case "change_voice":
                return [("back", "converted_mix")]
            case _:
                return [("stem", self.presets["stem"]), ("back", f"no_{self.presets['stem']}")]


class Refusal(Exception):
    def __init__(self, status: int, body: Any, **headers: str) -> None:
        self.status, self.body, self.headers = status, body, headers


class Cloud:
    """The stand-in.

    ``books`` counts requests by path and, under "billed <source> <kind>", tasks that were begun; ``faults`` are statuses
    that the next requests to a path get instead; ``absent`` are labels that results lack; ``dead`` links answer 404;
    ``lose`` are paths whose next answer is cut off after the work was done; the answer to ``hold`` waits for ``released``.
    """

    def __init__(self, audio: bytes, seconds: float) -> None:
        self.audio, self.seconds = audio, seconds
        self.minutes = 100.0
        self.longest = 3600.0
        self.books: Counter[str] = Counter()
        self.sources: dict[str, str] = {}
        self.uploads: dict[str, bytes] = {}
        self.tasks: dict[str, Task] = {}
        self.faults: dict[str, list[int]] = {}
        self.lose: set[str] = set()
        self.absent: set[str] = set()
        self.dead: set[str] = set()
        self.checks_allowed: int | None = None
        self.hold = ""
        self.released = threading.Event()
        self.limit_batch = False
        self.packs: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.heard = threading.Condition(self.lock)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner.answer(self)

            def do_GET(self) -> None:
                owner.give(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(
            target=partial(self.server.serve_forever, poll_interval=0.01)
        )

    def __enter__(self) -> Cloud:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()

    def advance(self, progress: float, task: str | None = None) -> None:
        """Move every running task, or one; 100 ends it well."""
        with self.lock:
            for name, each in self.tasks.items():
                if each.status == "progress" and task in (None, name):
                    each.progress = progress
                    each.status = "success" if progress >= 100 else "progress"

    def fail(self, code: str, detail: str) -> None:
        with self.lock:
            for each in self.tasks.values():
                each.status, each.error = "error", {"code": code, "detail": detail, "id": "1"}

    @property
    def billed(self) -> dict[str, int]:
        """How often each kind of task was begun on each source, by the books."""
        return {name: count for name, count in self.books.items() if name.startswith("billed ")}

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("content-length") or 0))
        path = request.path.removeprefix("/api/v1/").rstrip("/")
        headers: dict[str, str] = {}
        with self.heard:
            self.books[path] += 1
            try:
                told, status = self._answer(path, request, body), 200
            except Refusal as refusal:
                told, status, headers = refusal.body, refusal.status, refusal.headers
            lost = path in self.lose
            self.lose.discard(path)
            self.heard.notify_all()
        self._wait(path)
        if lost:
            request.close_connection = True
            return
        self._send(request, status, json.dumps(told).encode(), headers)

    def give(self, request: BaseHTTPRequestHandler) -> None:
        label = unquote(request.path).rsplit("/", 1)[-1]
        assert "X-License-Key" not in request.headers, "the key went to a link"
        with self.heard:
            self.books[f"link {label}"] += 1
            dead = request.path in self.dead
            self.heard.notify_all()
        self._wait(f"link {label}")
        self._send(request, 404 if dead else 200, b"" if dead else self.audio, {})

    def _wait(self, path: str) -> None:
        if path == self.hold:
            self.released.wait(60)

    def until(self, path: str, count: int) -> None:
        """Block until the path was asked for so often."""
        with self.heard:
            assert self.heard.wait_for(lambda: self.books[path] >= count, 60), dict(self.books)

    def _send(self, request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]) -> None:  # fmt: skip
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(data)))
        # Whoever asked may have been killed.
        with contextlib.suppress(ConnectionError):
            request.end_headers()
            request.wfile.write(data)

    def _answer(self, path: str, request: BaseHTTPRequestHandler, body: bytes) -> Any:
        if self.faults.get(path):
            raise Refusal(self.faults[path].pop(0), {"detail": "busy"})
        if request.headers.get("X-License-Key") != KEY:
            raise Refusal(401, {"detail": "Invalid license key"})
        if path == "upload":
            return self._upload(request, body)
        told = json.loads(body) if body else {}
        match path.split("/"):
            case ["check"]:
                return self._check(told)
            case ["cancel"]:
                return {"result": {one: self._cancel(one) for one in told["task_ids"]}}
            case ["cancel", "all"]:
                return {"result": {one: self._cancel(one) for one in self.tasks}}
            case ["delete"]:
                return self._delete(told)
            case ["limits", "minutes_left"]:
                return {"minutes_left": self.minutes}
            case ["voice_packs", "list"]:
                return {"packs": self.packs}
            case ["split", "batch", kind]:
                if self.limit_batch:
                    raise Refusal(400, {"detail": "no batches", "code": "batch_not_avaliable"})
                return {"results": [self._item(kind, item) for item in told["items"]]}
            case ["split", kind] | [("change_voice") as kind] if kind in KNOWN:
                return {"task_id": self._begin(kind, told)}
        raise Refusal(404, {"detail": "Not Found"})

    def _upload(self, request: BaseHTTPRequestHandler, body: bytes) -> Any:
        assert request.headers["Content-Type"] == "application/octet-stream"
        disposition = request.headers["Content-Disposition"]
        assert disposition.startswith("attachment; filename=")
        disposition.encode("ascii")
        if self.seconds > self.longest:
            raise Refusal(400, {"detail": "too long", "code": "exceeded_duration"})
        ident = str(uuid4())
        self.sources[ident] = disposition
        self.uploads[ident] = body
        return {
            "id": ident,
            "name": "x",
            "size": len(body),
            "duration": self.seconds,
            "expires": 4e9,
        }

    def _item(self, kind: str, item: dict[str, Any]) -> dict[str, Any]:
        try:
            return {
                "status": "success",
                "task_id": self._begin(kind, item),
                "source_id": item["source_id"],
            }
        except Refusal as refusal:
            return {"status": "error", "error": str(refusal.body.get("detail")),
                    "code": refusal.body.get("code", ""), "source_id": item.get("source_id")}  # fmt: skip

    def _begin(self, kind: str, told: dict[str, Any]) -> str:
        for name in ("source_id", "presets"):
            if name not in told:
                raise Refusal(
                    422,
                    {
                        "detail": [
                            {"loc": ["body", name], "msg": "Field required", "type": "missing"}
                        ]
                    },
                )
        presets = told["presets"]
        self._validate(kind, presets)
        if told["source_id"] not in self.sources:
            raise Refusal(400, {"detail": "source not found", "code": "source_not_found"})
        if key := told.get("idempotency_key"):
            UUID(key)
            for name, task in self.tasks.items():
                if task.key == key:
                    if task.progress > 0 or task.status != "progress":
                        raise Refusal(400, {"detail": "used", "code": "idempotency_key_used"})
                    return name
        cost = self.seconds / 60 * len(presets.get("stem_list") or [1])
        if cost > self.minutes:
            raise Refusal(400, {"detail": "not enough minutes", "code": "exceeded_duration"})
        self.minutes -= cost
        name = str(uuid4())
        self.tasks[name] = Task(told["source_id"], kind, presets, key)
        self.books[f"billed {told['source_id']} {kind}"] += 1
        return name

    def _validate(self, kind: str, presets: dict[str, Any]) -> None:
        unknown = set(presets) - KNOWN[kind]
        stems = presets.get("stem_list")
        wrong = (
            unknown
            or presets.get("splitter") not in SPLITTERS
            or presets.get("encoder_format") not in FORMATS
            or presets.get("extraction_level") not in ("deep_extraction", "clear_cut", None)
            or (kind == "stem_separator" and presets.get("stem") not in ALL_STEMS)
            or (kind == "multistem" and not (stems and set(stems) <= STEMS and len(stems) <= 6))
            or (kind == "demuser" and presets.get("stem") != "music")
            or (kind == "voice_clean" and (presets.get("stem") != "voice" or presets.get("noise_cancelling_level", 0) not in (0, 1, 2)))
            or (kind == "change_voice" and presets.get("voice_pack_id") not in VOICES | {p["pack_id"] for p in self.packs})
            or (kind == "change_voice" and presets.get("tonality_reference", "source_file") not in ("source_file", "voice_pack"))
        )  # fmt: skip
        if wrong:
            raise Refusal(422, {"detail": [{"loc": ["body", "presets"], "msg": f"wrong {sorted(unknown)}", "type": "value_error"}]})  # fmt: skip

    def _check(self, told: dict[str, Any]) -> Any:
        if self.checks_allowed is not None:
            if self.checks_allowed <= 0:
                raise Refusal(429, {"detail": "Too many requests"}, Retry_After="3")
            self.checks_allowed -= 1
        return {
            "result": {
                name: self._state(name, task)
                for name in told["task_ids"]
                if (task := self.tasks.get(name))
            }
        }

    def _state(self, name: str, task: Task) -> dict[str, Any]:
        state: dict[str, Any] = {
            "status": task.status,
            "source_id": task.source,
            "presets": task.presets,
        }
        match task.status:
            case "progress":
                state["progress"] = task.progress
            case "success":
                tracks = [{"type": kind, "label": label, "url": f"{self.url}/links/{name}/{label}"}
                          for kind, label in task.labels if label not in self.absent]  # fmt: skip
                state["result"] = {"duration": self.seconds, "tracks": tracks}
            case "error":
                state["error"] = task.error
            case "server_error":
                state = {"status": "server_error", "error": "it broke"}
        return state

    def _cancel(self, name: str) -> dict[str, str]:
        task = self.tasks.get(name)
        if task is None or task.status != "progress":
            return {"status": "server_error", "error": "Task is not in progress state"}
        task.status = "cancelled"
        return {"status": "success"}

    def _delete(self, told: dict[str, Any]) -> Any:
        if self.sources.pop(told["source_id"], None) is None:
            raise Refusal(400, {"detail": "no such source"})
        for task in self.tasks.values():
            if task.source == told["source_id"] and task.status == "progress":
                task.status = "cancelled"
        return {}
