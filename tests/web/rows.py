"""Rows and sounds for the web's tests, made as the workers would make them: by SQL, through the same functions."""

import io
import json
import math
import struct
import wave
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

STEMS = {"vocals": 440.0, "drums": 90.0, "bass": 55.0, "other": 660.0}


class World:
    """One user's tracks and jobs in the test's database, and the store beside it."""

    def __init__(self, dsn: str, store: Path) -> None:
        self.connection = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        self.store = store
        self.tokens: dict[str, tuple[int, UUID]] = {}
        self._worker: int | None = None

    def one(self, text: str, *values: Any) -> dict[str, Any]:
        """The first row of the statement, which must have one."""
        row = self.connection.execute(text.encode(), values).fetchone()
        assert row is not None, text
        return row

    def track(
        self, title: str = "Night Drive", artist: str | None = "The Testers", **more: Any
    ) -> str:
        """A track with its audio in the store."""
        user = more.get("user_id") or self.one("SELECT sfa_local_owner() AS id")["id"]
        seconds = more.get("seconds", 6.0)
        key = self.put(f"audio/{title.replace(' ', '-').lower()}.wav", sound(440.0, seconds))
        row = self.one(
            "INSERT INTO tracks (title, artist, user_id, audio_key, audio_bytes, duration_ms) VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            title, artist, user, key, (self.store / key).stat().st_size, int(seconds * 1000),
        )  # fmt: skip
        return str(row["id"])

    def put(self, key: str, body: bytes) -> str:
        """An object in the store's folder."""
        path = self.store / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return key

    def job(self, track: str, model: str = "spectral") -> str:
        """A waiting separation."""
        row = self.one(
            "INSERT INTO processing_jobs (track_id, model) VALUES (%s, %s) RETURNING id",
            track,
            model,
        )
        return str(row["id"])

    def worker(self, queue: str = "processing") -> int:
        """A worker that was just seen, one for each queue."""
        for name in {queue, "download", "processing", "analysis", "default", "cloud"}:
            row = self.one("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
            self.connection.execute(
                "INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name) VALUES (%s, 'w', 'h', 'k', 1, 1, %s)",
                [row["id"], name],
            )
            if name == queue:
                self._worker = row["id"]
        assert self._worker is not None
        return self._worker

    def claim(self) -> None:
        """What waits on the processing queue begins to run."""
        worker = self._worker or self.worker()
        claimed = self.connection.execute(
            "SELECT job_id, token, args FROM sfa_claim_v1(%s, 'processing', 10, '1 hour')", [worker]
        )
        for row in claimed.fetchall():
            self.tokens[row["args"]["job_id"]] = (row["job_id"], row["token"])

    def progress(self, job: str, percent: float, stage: str) -> None:
        """A step of a running job."""
        number, token = self.tokens[job]
        self.connection.execute(
            "SELECT sfa_progress_v1(%s::bigint[], %s::uuid[], %s::real[], %s::text[])",
            [[number], [token], [percent], [stage]],
        )

    def finish(
        self,
        job: str,
        verdict: str = "completed",
        error: str | None = None,
        kind: str | None = None,
    ) -> None:
        """The end of a running job's attempt."""
        number, token = self.tokens[job]
        row = self.one(
            "SELECT held FROM sfa_finish_v1(%s, %s, %s, %s, %s, NULL, NULL)",
            number,
            token,
            verdict,
            error,
            kind,
        )
        assert row["held"]

    def stems(
        self, track: str, job: str, seconds: float = 6.0, kinds: dict[str, float] = STEMS
    ) -> list[str]:
        """Stems (four, if nothing else is said) with sound and waveforms."""
        made = []
        for index, (stem, pitch) in enumerate(kinds.items()):
            key = self.put(f"stems/{track}/{job}/{stem}.wav", sound(pitch, seconds))
            row = self.one(
                """INSERT INTO stems (track_id, processing_job_id, stem_type, audio_key, format, duration_ms, sample_rate,
                   channels, bytes, sha256, rms_db, peak_db, peaks)
                   VALUES (%s, %s, %s, %s, 'wav', %s, 22050, 1, %s, %s, -18.5, -3.0, %s) RETURNING id""",
                track, job, stem, key, int(seconds * 1000), (self.store / key).stat().st_size, f"{index + len(kinds)}"[-1] * 64,
                json.dumps(peaks(index)),
            )  # fmt: skip
            made.append(str(row["id"]))
        return made

    def analysis(self, track: str, seconds: float = 6.0) -> None:
        """An analysis in A minor at 120 BPM."""
        chroma = [0.8, 0.12, 0.45, 0.1, 0.75, 0.5, 0.08, 0.4, 0.15, 1.0, 0.1, 0.42]
        times = [i * seconds / 200 for i in range(200)]
        swell = [1 + 0.4 * math.sin(t * 1.3) + 0.15 * math.sin(t * 7) for t in times]
        series = {
            "times": times,
            "rms": [0.2] * 200,
            "centroid": [1400 * s for s in swell],
            "rolloff": [4200 * s for s in swell],
            "zcr": [0.1] * 200,
            "mfcc": [[20 * math.sin(t * (1 + n / 3)) - 3 * n for t in times] for n in range(13)],
            "chroma": [[0.5] * 200] * 12,
        }
        beats = [i * 0.5 for i in range(int(seconds * 2))]
        features = {
            "mfcc": [0.0] * 13,
            "chroma": chroma,
            "beats": beats,
            "bars": beats[::4],
            "grid": {"steady": True, "metre": 4, "residual_ms": 1.0, "bar_confidence": 0.9},
            "sections": [
                {"start": 0.0, "end": seconds / 3, "label": "A", "energy": 0.4},
                {"start": seconds / 3, "end": seconds * 2 / 3, "label": "B", "energy": 0.9},
                {"start": seconds * 2 / 3, "end": seconds, "label": "A", "energy": 0.5},
            ],
            "series": series,
            "peaks": peaks(7),
        }
        self.connection.execute(
            """INSERT INTO analysis_results (track_id, version, duration_ms, sample_rate, channels, tempo, tempo_confidence,
               key, key_confidence, camelot, energy, rms_db, peak_db, spectral_centroid, spectral_rolloff,
               zero_crossing_rate, features)
               VALUES (%s, 1, %s, 44100, 2, 120.0, 0.9, 'A minor', 0.8, '8A', 0.6, -14, -1, 1500, 4300, 0.1, %s)""",
            [track, int(seconds * 1000), json.dumps(features)],
        )

    def done_track(
        self, title: str = "Night Drive", artist: str | None = "The Testers", seconds: float = 6.0
    ) -> str:
        """A track that was separated and analysed."""
        track = self.track(title, artist, seconds=seconds)
        job = self.job(track)
        self.claim()
        self.stems(track, job, seconds)
        self.analysis(track, seconds)
        self.finish(job)
        return track


def sound(pitch: float, seconds: float, rate: int = 22050) -> bytes:
    """A small wav file: a decaying tone twice a second."""
    step = rate // 2
    second = [
        int(12000 * math.sin(2 * math.pi * pitch * i / rate) * math.exp(-4 * (i % step) / step))
        for i in range(rate)
    ]
    frames = (second * (int(seconds) + 1))[: int(rate * seconds)]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(frames)}h", *frames))
    return out.getvalue()


def peaks(seed: int, columns: int = 1000) -> dict[str, list[int]]:
    """A waveform that looks like music."""
    heights = []
    for i in range(columns):
        phrase = 0.35 + 0.65 * abs(math.sin(i / columns * math.pi * (3 + seed)))
        hit = math.exp(-((i + seed * 5) % (12 + seed * 3)) / 9)
        heights.append(
            int(118 * phrase * (0.3 + 0.7 * hit) * (0.75 + 0.25 * math.sin(i * 12.9898 + seed)))
        )
    return {"min": [-h for h in heights], "max": heights}
