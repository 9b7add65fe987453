"""Separate, clean or revoice a track at lalal.ai, and bring the results home.

A job goes through steps, and each is written before the next one is taken, so that an attempt that was killed goes on
where it stopped: the price is checked, the audio uploaded (once for all operations on it), the task asked for under an
idempotency key that was written before, then the job gives up its slot. The account's one check (`lalalai_check`) wakes
it when the task has ended; each result that was fetched is written down too. Nothing is billed twice: the key is sent
again, not a new one, and where lalal.ai says that the key's task runs already while its number was lost, the job fails
and says so instead of paying again. The same operation on the same audio is linked, not bought again.
Limits: an upload whose answer was lost is sent again (uploads cost nothing); results are kept there for a day.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import procrastinate

from sfa import lalalai_presets as words
from sfa.catalog import LALALAI
from sfa.db import Row, Session
from sfa.errors import InputError, Later, Refused, SfaError, StaleLease
from sfa.jobs.lalalai_account import find
from sfa.jobs.recipe import content
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.lalalai import FRIENDLY, Account, KeyUsed, Lalalai, LinkGone
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.sniff import HEAD, audio_format

PREVIEW_SECONDS: Final = 60.0
SAFETY_SECONDS: Final = 120.0
"""The check wakes a job at once; should that be missed, it looks by itself."""
_MEASURES: Final = (
    "stem_type", "label", "audio_key", "format", "duration_ms", "sample_rate", "channels", "bytes", "sha256", "rms_db", "peak_db",
)  # fmt: skip


@app.task(name="lalalai", queue="cloud", pass_context=True, retry=Again())
async def lalalai(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt of a cloud job."""
    await run(context, LALALAI, perform, job_id)


async def perform(work: Run) -> Record:
    """Take the next steps; the results' rows, or `Later` while lalal.ai works."""
    row, db = work.row, work.resources.db
    if not row["audio_key"]:
        raise InputError("the track has no audio yet: upload or download it first")
    async with db.session() as session:
        begun = row["account"] if row["task_id"] or row["asked_at"] else None
        account = await find(session, work.resources.config, row["user_id"], begun)
    recipe = _recipe(row)
    async with account.open() as api:
        if row["task_id"] is None:
            if (linked := await _linked(work, recipe)) is not None:
                return _record(work, recipe, {**linked[0]["result"], "linked": True}, linked)
            await _begin(work, api, account)
        elif row["task_status"] == "success":
            stems = await _results(work, api, account)
            facts = {
                "model": row["model"],
                "engine": "lalalai",
                "minutes": float(row["minutes"] or 0),
            }
            return _record(work, recipe, facts, stems)
        elif row["task_status"] not in (None, "progress"):
            raise InputError(_why(row))
    async with db.session() as session:
        await session.one("cloud_watch", account=account.name, user_id=row["user_id"])
    raise Later("", SAFETY_SECONDS)


async def _begin(work: Run, api: Lalalai, account: Account) -> None:
    """Price, upload, ask."""
    row = work.row
    work.progress(0, "asking for the price")
    left = await api.minutes_left()
    async with work.resources.db.session() as session:
        await session.run("cloud_account", account=account.name, minutes=left)
    source, seconds = await _source(work, api, account)
    price = words.minutes(row["operation"], row["options"], seconds)
    allowed = row["options"].get("max_minutes")
    if row["asked_at"] is None and price > left:
        raise InputError(f"this costs {price:g} minutes, and the licence has {left:g} left")
    if allowed is not None and price > allowed:
        raise InputError(f"this costs {price:g} minutes, more than the {allowed:g} it may")
    try:
        await _step(work, account, source=source, minutes=price, asked=True)
    except Refused as error:
        if error.constraint == "cloud_limits_minutes_per_month":
            told = str(error).partition(" (rule")[0]
            raise InputError(f"this costs {price:g} minutes: {told}") from error
        raise
    async with work.resources.db.session() as session:
        known = await session.one("cloud_task", id=row["id"])
    assert known is not None
    work.progress(10, "asking lalal.ai")
    presets = words.presets(row["operation"], row["options"])
    try:
        task = await api.split(
            words.KINDS[row["operation"]], source, presets, known["idempotency_key"]
        )
    except KeyUsed as error:
        raise InputError(
            "lalal.ai works on this already, but its answer was lost on the way here, so the result cannot be fetched; "
            "a retry begins anew and is billed anew"
        ) from error
    await _step(work, account, task=task)


async def _source(work: Run, api: Lalalai, account: Account) -> tuple[UUID, float]:
    """The upload of the track's audio: the one that is there, or a new one."""
    row, db, store = work.row, work.resources.db, work.resources.store
    wanted = {
        "account": account.name, "audio_key": row["audio_key"], "preview": row["preview"],
    }  # fmt: skip
    async with db.session() as session:
        found = await session.one("cloud_source", **wanted)
    if found is not None:
        return found["source_id"], found["seconds"]
    async with store.fetch(row["audio_key"]) as audio, store.scratch() as folder:
        path, ending = audio, Path(row["audio_key"]).suffix
        if row["preview"]:
            path, ending = folder / "preview.flac", ".flac"
            await work.call(
                "analyzer", "clip", audio=str(audio), seconds=PREVIEW_SECONDS, out=str(path)
            )
        source = await api.upload(
            path,
            f"{row['title'][:100]}{ending}",
            lambda sent, size: work.progress(10 * sent / max(1, size), "uploading"),
        )
    async with db.session() as session:
        await session.run(
            "cloud_source_add", source=source.id, user_id=row["user_id"], track=row["track_id"],
            seconds=source.seconds, expires=source.expires, **wanted,
        )  # fmt: skip
    return source.id, source.seconds


async def _results(work: Run, api: Lalalai, account: Account) -> list[dict[str, Any]]:
    """Fetch what is not here yet, one by one; what each became is written before the next."""
    row, store = work.row, work.resources.store
    fetched: dict[str, Any] = dict(row["fetched"])
    await work.pin(*(stem["audio_key"] for stem in fetched.values()))
    found = words.results(row["answer"])
    for number, result in enumerate(found):
        mark = f"{result.stem_type}@{result.label}"
        if mark in fetched and await store.exists(fetched[mark]["audio_key"]):
            continue
        async with store.scratch() as folder:
            path = folder / "result"
            await _fetch(work, api, result, path, 90 + 10 * number / len(found), 10 / len(found))
            stem = await _keep(work, result, path)
        fetched[mark] = stem
        await _step(work, account, fetched={mark: stem})
    return [fetched[f"{result.stem_type}@{result.label}"] for result in found]


async def _fetch(
    work: Run, api: Lalalai, result: words.Result, path: Path, done: float, share: float
) -> None:
    def on_got(got: int, total: int) -> None:
        work.progress(done + share * got / total if total else done, "fetching")

    try:
        await api.fetch(result.url, path, on_got)
    except LinkGone:
        # Links end before tasks do: a check gives fresh ones.
        told = (await api.check([work.row["task_id"]])).get(str(work.row["task_id"])) or {}
        if told.get("status") != "success":
            raise InputError(
                "the results are not at lalal.ai any more; a retry begins anew and is billed anew"
            ) from None
        fresh = {(one.stem_type, one.label): one.url for one in words.results(told)}
        try:
            await api.fetch(fresh.get((result.stem_type, result.label), result.url), path, on_got)
        except LinkGone:
            raise SfaError("lalal.ai's links lead nowhere; it may work later") from None


async def _keep(work: Run, result: words.Result, path: Path) -> dict[str, Any]:
    """Decode a result to check it, and put it into the store under its content."""
    form, digest, size = await asyncio.to_thread(_look, path)
    if form is None:
        raise SfaError("lalal.ai gave a result that is no audio; it may work later")
    facts = dict(await work.call("analyzer", "measure", audio=str(path)))
    key = f"audio/{digest}.{form}"
    await work.pin(key)
    if not await work.resources.store.exists(key):
        await work.resources.store.put_file(key, path)
    checks = {name: facts.pop(name) for name in ("clipped", "silent")}
    return {
        **facts, "checks": checks, "stem_type": result.stem_type, "label": result.label, "audio_key": key,
        "format": form, "bytes": size, "sha256": digest,
    }  # fmt: skip


def _look(path: Path) -> tuple[str | None, str, int]:
    """A file's format by its content, its sha256, its bytes."""
    with path.open("rb") as file:
        form = audio_format(file.read(HEAD))
        file.seek(0)
        return form, hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


async def _step(
    work: Run,
    account: Account,
    *,
    source: UUID | None = None,
    minutes: float | None = None,
    asked: bool = False,
    task: UUID | None = None,
    fetched: dict[str, Any] | None = None,
) -> None:
    claimed = work.attempt.claimed
    async with work.resources.db.session() as session:
        written = await session.one(
            "cloud_step", job=claimed.job_id, token=claimed.token, id=work.row["id"], account=account.name,
            source=source, minutes=minutes, asked=asked, task=task, fetched=json.dumps(fetched) if fetched else None,
        )  # fmt: skip
    if written is None or not written["held"]:
        raise StaleLease


def _recipe(row: Row) -> str:
    """The operation by all that decides its output; see `sfa.jobs.recipe`."""
    wanted = words.presets(row["operation"], row["options"])
    ingredients = [content(row["audio_key"]), "lalalai", row["operation"], wanted, row["preview"]]
    return hashlib.sha256(json.dumps(ingredients, sort_keys=True).encode()).hexdigest()


async def _linked(work: Run, recipe: str) -> list[dict[str, Any]] | None:
    async with work.resources.db.session() as session:
        found = await session.all("separation_find", recipe=recipe, job=work.row["id"])
    await work.pin(*(stem["audio_key"] for stem in found))
    store = work.resources.store
    there = [await store.exists(stem["audio_key"]) for stem in found]
    return found if found and all(there) else None


def _record(work: Run, recipe: str, facts: dict[str, Any], stems: list[dict[str, Any]]) -> Record:
    row = work.row

    async def record(session: Session) -> None:
        replaced = await session.all("result_stems_drop", processing_job=row["id"])
        work.touched.extend(old["audio_key"] for old in replaced)
        for stem in stems:
            await session.run(
                "cloud_stem_add",
                track=row["track_id"],
                processing_job=row["id"],
                peaks=json.dumps(stem["peaks"]),
                checks=json.dumps(stem.get("checks") or {}),
                **{measure: stem[measure] for measure in _MEASURES},
            )
        await session.run(
            "result_processing", id=row["id"], result=json.dumps(facts), recipe=recipe
        )
        await session.run("record_follow_analysis", track=row["track_id"], seen=None)

    return record


def _why(row: Row) -> str:
    """Why the task came to nothing, and what helps."""
    error = (row["answer"] or {}).get("error")
    told = error if isinstance(error, dict) else {"detail": error}
    code, detail = str(told.get("code") or ""), str(told.get("detail") or "")
    match row["task_status"]:
        case "cancelled":
            return "the task was cancelled at lalal.ai; a retry begins anew"
        case "unknown":
            return (
                "lalal.ai does not know the task any more; a retry begins anew and is billed anew"
            )
        case _:
            reason = FRIENDLY.get(code) or detail[:300] or "it does not say why"
            return f"lalal.ai failed: {reason}; a retry begins anew"
