"""Mail over the real wire: a stand-in server in this process, with TLS, passwords and refusals."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sfa.config import Config
from sfa.db import Database
from sfa.errors import ConfigError, InputError, Refused, SfaError
from sfa.jobs.mail import Server, send
from sfa.mail import post, text_name
from sfa.vault import Vault
from tests.jobs.studio import Studio

TEXT = "Open https://x.example/sign-in/top-secret\n\n.a line that begins with a dot\nöäü"


class Letters:
    """What came in; answers to give instead of taking it."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.recipient = self.data = ""

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.recipient:
            return self.recipient
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data:
            return self.data
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@pytest.fixture
def letters() -> Letters:
    return Letters()


@asynccontextmanager
async def listening(letters: Letters, **options: Any) -> AsyncIterator[int]:
    """A mail server in this loop; its port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(letters, hostname="localhost", loop=loop, **options), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.fixture
async def plain(letters: Letters) -> AsyncIterator[str]:
    async with listening(letters) as port:
        yield f"smtp+plain://127.0.0.1:{port}"


async def written(studio: Studio, **more: str) -> str:
    """A mail in the queue; its id."""
    database = Database(studio.config.database_url, size=1)
    await database.open()
    try:
        async with database.session() as session:
            mail = await post(
                session,
                Vault(studio.config),
                "singer@example.org",
                more.get("subject", "Grüße"),
                TEXT,
                1,
            )
    finally:
        await database.close()
    return str(mail)


async def ended(studio: Studio, mail: str) -> dict[str, Any]:
    return await studio.until(
        "SELECT m.*, (SELECT count(*) FROM secrets s WHERE s.name = 'mail:' || m.id) AS texts,"
        " (SELECT attempts FROM procrastinate_jobs WHERE id = m.queue_job_id) AS tries FROM mails m WHERE id = %s", mail,
        expect=lambda row: row["status"] in ("completed", "failed", "retrying"),
    )  # fmt: skip


async def test_a_mail_arrives_as_written_and_its_text_is_forgotten(
    studio: Studio, letters: Letters, plain: str
) -> None:
    studio.config = dataclasses.replace(
        studio.config, smtp_url=plain, mail_from="SFA <sfa@example.org>"
    )
    mail = await written(studio)
    async with studio.worker("default"):
        row = await ended(studio, mail)
    assert (row["status"], row["texts"], row["kept"]) == ("completed", 0, False)
    [letter] = letters.taken
    assert (letter["To"], letter["From"], letter["Subject"]) == (
        "singer@example.org", "SFA <sfa@example.org>", "Grüße",
    )  # fmt: skip
    assert letter["Message-ID"] == f"<{mail}@sound-forge-alchemy>"
    assert letter.get_content().replace("\r\n", "\n").strip() == TEXT


async def test_without_a_server_a_mail_is_kept(studio: Studio) -> None:
    mail = await written(studio)
    async with studio.worker("default"):
        row = await ended(studio, mail)
    assert (row["status"], row["texts"], row["kept"]) == ("completed", 1, True)


async def test_a_refusal_for_good_is_not_tried_again(
    studio: Studio, letters: Letters, plain: str
) -> None:
    letters.recipient = "550 no such mailbox"
    studio.config = dataclasses.replace(studio.config, smtp_url=plain)
    mail = await written(studio)
    async with studio.worker("default"):
        row = await ended(studio, mail)
    assert (row["status"], row["error_kind"]) == ("failed", "input")
    assert "550: no such mailbox" in row["error"]


async def test_greylisting_is_waited_for(studio: Studio, letters: Letters, plain: str) -> None:
    letters.data = "451 greylisted, come back"
    studio.config = dataclasses.replace(studio.config, smtp_url=plain)
    mail = await written(studio)
    async with studio.worker("default"):
        row = await ended(studio, mail)
        assert (row["status"], row["tries"]) == ("retrying", 1)
        assert "451: greylisted" in row["error"]
        letters.data = ""
        await studio.one("SELECT sfa_retry(%s) AS done", str(row["queue_job_id"]))
        done = await studio.until(
            "SELECT status FROM mails WHERE id = %s",
            mail,
            expect=lambda r: r["status"] == "completed",
        )
    assert done
    assert len(letters.taken) == 1


async def test_a_deleted_mail_takes_its_text_along(studio: Studio, database: Database) -> None:
    mail = await written(studio)
    await studio.db.execute("DELETE FROM mails")
    async with database.session() as session:
        assert await Vault(studio.config).get(session, None, text_name(mail)) is None


async def test_a_subject_makes_no_header_and_an_address_is_one(studio: Studio) -> None:
    with pytest.raises(Refused) as refused:
        await written(studio, subject="Hi\r\nBcc: everybody@example.org")
    assert refused.value.constraint == "mails_subject_line"
    left = await studio.one("SELECT count(*) AS n FROM secrets")
    assert left["n"] == 0, "the text was not kept either"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of a name's own, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public, private


def letter() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@x.example", "b@x.example", "Hi"
    message.set_content("Hello")
    return message


async def test_a_password_goes_over_tls_only_and_is_in_no_error(
    letters: Letters, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    seen: list[tuple[bytes, bytes]] = []

    def authenticate(
        server: Any, session: Any, envelope: Any, mechanism: str, data: Any
    ) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"pass/word", handled=False)

    demands = {"authenticator": authenticate, "auth_required": True, "require_starttls": True}
    async with listening(letters, tls_context=context, **demands) as port:
        right = Server.of(Config(smtp_url=f"smtp://us%40er:pass%2Fword@localhost:{port}"))
        assert "pass" not in repr(Config(smtp_url="smtp://u:pass@h:25"))
        # Nobody vouches for this server.
        with pytest.raises(SfaError, match="cannot be used"):
            await send(right, letter())
        assert seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
        await send(right, letter())
        assert seen == [(b"us@er", b"pass/word")]
        assert len(letters.taken) == 1
        wrong = dataclasses.replace(right, password="hunter2")
        with pytest.raises(SfaError) as refused:
            await send(wrong, letter())
        assert not isinstance(refused.value, InputError), "somebody may mend the setting"
        assert "hunter2" not in str(refused.value)
        assert refused.value.__cause__ is None


async def test_a_server_that_is_away_is_waited_for() -> None:
    with pytest.raises(SfaError, match=r"mail server 127.0.0.1:1 cannot be used") as away:
        await send(Server("127.0.0.1", 1, None, None, "smtp+plain"), letter())
    assert not isinstance(away.value, InputError)


@pytest.mark.parametrize("url", ["mail.example.org", "http://x", "smtp://", "smtp://u:hunter2@h:x"])
def test_a_wrong_address_is_named_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="smtp_url") as wrong:
        Config.load({"SFA_SMTP_URL": url})
    assert "hunter2" not in str(wrong.value)
