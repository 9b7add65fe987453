"""A notification by mail: for who wants it, once."""

from __future__ import annotations

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
