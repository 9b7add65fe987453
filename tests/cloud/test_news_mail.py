"""A notification by mail: for who wants it, once."""

from __future__ import annotations

from sfa.db import Database
from sfa.mail import text_name
from sfa.vault import Vault
from tests.jobs.studio import Studio


async def test_a_notification_is_mailed_once_to_who_wants_its_kind(studio: Studio) -> None:
    user = (await studio.one("SELECT sfa_local_owner() AS id"))["id"]
    await studio.db.execute(
        "INSERT INTO notification_settings (user_id, by_mail) VALUES (%s, '{failed}')", [user]
    )
    async with studio.worker("default"):
        for event, kind in (("a", "failed"), ("a", "failed"), ("b", "ready")):
            await studio.one(
                "SELECT sfa_tell(%s, %s, %s, 'It broke', 'badly', '/jobs')", user, event, kind
            )
        await studio.until(
            "SELECT count(*) FROM mails WHERE finished_at IS NOT NULL",
            expect=lambda row: row["count"] == 1,
        )
        again = await studio.one(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args) SELECT 'default', 'news_mail', jsonb_build_object('notification', id) FROM notifications WHERE event = 'a' RETURNING id"
        )
        await studio.until(
            "SELECT status::text FROM procrastinate_jobs WHERE id = %s", again["id"],
            expect=lambda row: row["status"] == "succeeded",
        )  # fmt: skip
    row = await studio.one("SELECT recipient, subject, count(*) OVER () AS mails FROM mails")
    assert row == {"recipient": "owner@localhost", "subject": "It broke", "mails": 1}


async def test_a_mail_is_in_its_readers_language(studio: Studio) -> None:
    user = (await studio.one("SELECT sfa_local_owner() AS id"))["id"]
    await studio.db.execute(
        "INSERT INTO notification_settings (user_id, by_mail, language) VALUES (%s, '{failed}', 'de')",
        [user],
    )
    async with studio.worker("default"):
        await studio.one(
            "SELECT sfa_tell(%s, 'a', 'failed', 'The separation of “failed” failed', 'song.mp3 is empty; give a file with sound in it', '/jobs')",
            user,
        )
        await studio.until(
            "SELECT count(*) FROM mails WHERE finished_at IS NOT NULL",
            expect=lambda row: row["count"] == 1,
        )
    mail = await studio.one("SELECT id, subject FROM mails")
    assert mail["subject"] == "Die Trennung von „failed“ ist gescheitert"
    database = Database(studio.config.database_url, size=1)
    await database.open()
    async with database.session() as session:
        text = await Vault(studio.config).get(session, None, text_name(mail["id"]))
    await database.close()
    assert text is not None
    assert "song.mp3 ist leer; gib eine Datei mit Ton" in text.reveal()
