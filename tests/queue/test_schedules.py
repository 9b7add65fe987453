"""What runs by the clock: expressions against a known reckoner, time zones, one run a tick, and what is refused."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from croniter import croniter

from tests.queue.test_attempts import Bench, bench

__all__ = ["bench"]

BERLIN = ZoneInfo("Europe/Berlin")


def following(bench: Bench, cron: str, after: datetime, zone: str = "UTC") -> datetime:
    at: datetime = bench.one("SELECT sfa_cron_next(%s, %s, %s) AS at", cron, zone, after)["at"]
    return at


def expression(dice: random.Random) -> str:
    """A random expression; where reckoners differ (a range from one to itself, steps in both kinds of day) it has none."""

    def field(low: int, high: int) -> str:
        match dice.randrange(6):
            case 0 | 1:
                return "*"
            case 2:
                return f"*/{dice.randint(2, 20)}"
            case 3:
                first = dice.randint(low, high - 1)
                return f"{first}-{dice.randint(first + 1, high)}"
            case 4:
                return ",".join(str(dice.randint(low, high)) for _ in range(3))
            case _:
                return str(dice.randint(low, high))

    day = field(1, 28)
    weekday = "*" if day != "*" else field(0, 6)
    return " ".join([field(0, 59), field(0, 23), day, field(1, 12), weekday])


def test_expressions_mean_what_they_mean_elsewhere(bench: Bench) -> None:
    dice = random.Random(7)
    for _ in range(300):
        cron = expression(dice)
        after = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(
            seconds=dice.randrange(3 * 366 * 86400)
        )
        assert following(bench, cron, after) == croniter(cron, after).get_next(datetime), (
            cron,
            after,
        )


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("*/15 8-18 * * MON-FRI", "2026-11-27 18:50", "2026-11-30 08:00"),  # a Friday evening
        ("0 0 13 * FRI", "2026-11-25 00:00", "2026-11-27 00:00"),  # either will do
        ("0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"),
        ("0 12 * * FRI-SUN", "2026-11-28 13:00", "2026-11-29 12:00"),
        ("0 12 * * 7", "2026-11-28 13:00", "2026-11-29 12:00"),
        ("5/20 * * jan,JUL *", "2026-06-30 23:59", "2026-07-01 00:05"),
        ("@weekly", "2026-11-25 00:00", "2026-11-29 00:00"),
        (" @monthly ", "2026-11-25 00:00", "2026-12-01 00:00"),
    ],
)
def test_words_ranges_and_both_kinds_of_day(
    bench: Bench, cron: str, after: str, expected: str
) -> None:
    at = following(bench, cron, datetime.fromisoformat(after + "+00:00"))
    assert at == datetime.fromisoformat(expected + "+00:00")


def test_a_time_zone_is_kept_through_the_year(bench: Bench) -> None:
    winter = following(bench, "30 9 * * *", datetime(2026, 1, 5, tzinfo=UTC), "Europe/Berlin")
    summer = following(bench, "30 9 * * *", datetime(2026, 7, 5, tzinfo=UTC), "Europe/Berlin")
    assert (winter.astimezone(UTC).hour, summer.astimezone(UTC).hour) == (8, 7)


def walk(bench: Bench, cron: str, start: datetime, steps: int) -> list[str]:
    found = []
    for _ in range(steps):
        start = following(bench, cron, start, "Europe/Berlin")
        found.append(f"{start.astimezone(UTC):%H:%M}")
    return found


def test_where_clocks_are_put_forward_nothing_is_lost_or_doubled(bench: Bench) -> None:
    night = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)  # at 01:00 UTC it becomes 03:00 in Berlin
    assert walk(bench, "30 * * * *", night, 3) == ["00:30", "01:30", "02:30"]
    assert walk(bench, "30 2 * * *", night, 2) == [
        "01:30",
        "00:30",
    ]  # 03:30, and 02:30 of the next day


def test_where_clocks_are_put_back_an_hour_comes_twice_and_a_given_one_once(bench: Bench) -> None:
    night = datetime(
        2026, 10, 24, 23, 50, tzinfo=UTC
    )  # at 01:00 UTC it becomes 02:00 again in Berlin
    assert walk(bench, "30 * * * *", night, 3) == ["00:30", "01:30", "02:30"]
    assert walk(bench, "*/20 * * * *", night, 7) == [
        "00:00",
        "00:20",
        "00:40",
        "01:00",
        "01:20",
        "01:40",
        "02:00",
    ]
    assert walk(bench, "30 2 * * *", night, 2) == ["00:30", "01:30"]  # once, and the next day's


def schedule(bench: Bench, name: str = "nightly", **columns: object) -> None:
    values: dict[str, object] = {"name": name, "cron": "0 3 * * *", "task_name": "tidy", **columns}
    names, marks = ", ".join(values), ", ".join(["%s"] * len(values))
    bench.db.execute(
        f"INSERT INTO schedules ({names}) VALUES ({marks})".encode(), list(values.values())
    )


def due(bench: Bench, ago: str = "1 second", name: str = "nightly") -> None:
    bench.db.execute(
        "UPDATE schedules SET next_run = now() - %s::interval WHERE name = %s", [ago, name]
    )


def tick(bench: Bench) -> int:
    ticked: int = bench.one("SELECT sfa_tick_v1() AS n")["n"]
    return ticked


def test_a_tick_is_one_job_and_the_next_run_is_known(bench: Bench) -> None:
    schedule(bench, args='{"depth": 3}', queue_name="analysis", priority=4)
    assert tick(bench) == 0
    due(bench)
    assert tick(bench) == 1
    assert tick(bench) == 0
    job = bench.one("SELECT * FROM procrastinate_jobs")
    assert (job["task_name"], job["queue_name"], job["args"], job["priority"]) == (
        "tidy",
        "analysis",
        {"depth": 3},
        4,
    )
    row = bench.one("SELECT * FROM sfa_schedules WHERE name = 'nightly'")
    assert (row["last_status"], row["last_job"], row["last_error"]) == ("waiting", job["id"], None)
    assert row["next_run"] == following(bench, "0 3 * * *", bench.one("SELECT now() AS t")["t"])
    assert row["last_run"] is not None


def test_two_hosts_never_run_one_tick_twice(bench: Bench, dsn: str) -> None:
    for n in range(20):
        schedule(bench, f"s{n}")
        due(bench, name=f"s{n}")
    start = threading.Barrier(4)
    ticked: list[int] = []

    def host() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            start.wait()
            for _ in range(3):
                row = connection.execute("SELECT sfa_tick_v1()").fetchone()
                ticked.append(row[0] if row else 0)

    threads = [threading.Thread(target=host) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(ticked) == bench.one("SELECT count(*) FROM procrastinate_jobs")["count"] == 20


@pytest.mark.parametrize(("missed", "runs"), [("once", 1), ("skip", 0), ("all", 4)])
def test_ticks_that_nobody_was_there_for(bench: Bench, missed: str, runs: int) -> None:
    schedule(bench, cron="0 * * * *", missed=missed, overlap=True)
    bench.db.execute(
        "UPDATE schedules SET next_run = date_trunc('hour', now()) - interval '3 hours' WHERE name = 'nightly'"
    )
    for _ in range(6):
        tick(bench)
    assert bench.one("SELECT count(*) FROM procrastinate_jobs")["count"] == runs
    row = bench.one(
        "SELECT next_run > now() AS later, last_error FROM schedules WHERE name = 'nightly'"
    )
    assert row == {
        "later": True,
        "last_error": "nobody was there at the time" if missed == "skip" else None,
    }


@pytest.mark.parametrize("missed", ["once", "all"])
def test_a_run_that_is_not_over_is_not_run_beside_itself(bench: Bench, missed: str) -> None:
    schedule(bench, missed=missed)
    due(bench)
    assert tick(bench) == 1
    due(bench)
    assert tick(bench) == 0
    row = bench.one(
        "SELECT skipped, last_error, next_run > now() AS moved FROM schedules WHERE name = 'nightly'"
    )
    expected = (1, "the run before is not over", True) if missed == "once" else (0, None, False)
    assert (row["skipped"], row["last_error"], row["moved"]) == expected
    bench.db.execute("UPDATE procrastinate_jobs SET status = 'cancelled'")
    due(bench)
    assert tick(bench) == 1


def test_a_paused_schedule_rests_and_makes_up_for_nothing(bench: Bench) -> None:
    schedule(bench)
    due(bench)
    bench.db.execute("UPDATE schedules SET paused = true")
    assert bench.one("SELECT next_run FROM schedules WHERE name = 'nightly'")["next_run"] is None
    assert tick(bench) == 0
    assert bench.one("SELECT sfa_schedule_run('nightly') AS job")["job"] is not None
    bench.db.execute("UPDATE schedules SET paused = false WHERE name = 'nightly'")
    assert (
        bench.one("SELECT next_run > now() AS later FROM schedules WHERE name = 'nightly'")["later"]
        is True
    )
    assert bench.one("SELECT count(*) FROM procrastinate_jobs")["count"] == 1


def test_a_change_of_the_expression_is_reckoned_at_once(bench: Bench) -> None:
    schedule(bench)
    bench.db.execute(
        "UPDATE schedules SET cron = '30 4 1 1 *', time_zone = 'Europe/Berlin' WHERE name = 'nightly'"
    )
    at = bench.one("SELECT next_run FROM schedules WHERE name = 'nightly'")["next_run"].astimezone(
        BERLIN
    )
    assert (at.month, at.day, at.hour, at.minute) == (1, 1, 4, 30)


def test_a_kinds_schedule_makes_its_domain_row(bench: Bench) -> None:
    track = str(bench.one("INSERT INTO tracks (title) VALUES ('t') RETURNING id")["id"])
    schedule(bench, task_name="analysis", args=f'{{"track_id": "{track}"}}')
    due(bench)
    assert tick(bench) == 1
    assert (
        bench.one("SELECT status FROM sfa_jobs WHERE track_id = %s", track)["status"] == "waiting"
    )


def test_one_that_cannot_be_enqueued_says_why_and_harms_no_other(bench: Bench) -> None:
    schedule(
        bench,
        "bad",
        task_name="analysis",
        args='{"track_id": "00000000-0000-0000-0000-000000000000"}',
    )
    schedule(bench)
    due(bench, "2 seconds", "bad")
    due(bench)
    assert tick(bench) == 1
    row = bench.one(
        "SELECT last_error, skipped, next_run > now() AS moved FROM schedules WHERE name = 'bad'"
    )
    assert "analysis_jobs_track_id_fkey" in row["last_error"]
    assert (row["skipped"], row["moved"]) == (1, True)


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"cron": "0 3 * *"}, "schedules_cron_form"),
        ({"cron": "61 * * * *"}, "schedules_cron_form"),
        ({"cron": "0 5-3 * * *"}, "schedules_cron_form"),
        ({"cron": "*/0 * * * *"}, "schedules_cron_form"),
        ({"cron": "0 0 * * SOON"}, "schedules_cron_form"),
        ({"cron": "0 0 * FEZ *"}, "schedules_cron_form"),
        ({"cron": ""}, "schedules_cron_form"),
        ({"cron": "0 0 30 2 *"}, "schedules_cron_comes"),
        ({"time_zone": "Europe/Atlantis"}, "schedules_time_zone_known"),
        ({"task_name": "analysis", "args": '{"song": 1}'}, "schedules_args_known"),
        ({"args": "[]"}, "schedules_args_object"),
        ({"queue_name": "nowhere"}, "schedules_queue_name_fkey"),
        ({"name": ""}, "schedules_name_length"),
    ],
)
def test_what_is_wrong_is_refused_by_its_rule(
    bench: Bench, columns: dict[str, Any], rule: str
) -> None:
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        schedule(bench, **columns)
    assert caught.value.diag.constraint_name == rule


def test_what_another_workers_death_left_without_a_lease_is_rescued(bench: Bench) -> None:
    jobs = [bench.enqueue() for _ in range(3)]
    fetch = "SELECT id FROM procrastinate_fetch_job_v2(ARRAY['analysis']::varchar[], %s)"
    dead, silent, alive = (bench.register() for _ in range(3))
    for worker in (dead, silent, alive):
        bench.one(fetch, worker)
    assert bench.one("SELECT sfa_rescue_v1() AS n")["n"] == 0
    bench.db.execute("UPDATE procrastinate_events SET at = now() - interval '2 minutes'")
    bench.db.execute("DELETE FROM procrastinate_workers WHERE id = %s", [dead])
    bench.db.execute(
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes' WHERE id = %s",
        [silent],
    )
    assert bench.one("SELECT sfa_rescue_v1() AS n")["n"] == 2
    assert [bench.job(job)["status"] for job in jobs] == ["retrying", "retrying", "running"]
    assert bench.one("SELECT count(*) FROM leases")["count"] == 0
