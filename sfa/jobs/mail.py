"""Send a mail through SMTP, or keep it where there is no mail server.

What the server refuses for good (5xx for the recipient or the message) fails at once; everything else is tried again,
within seconds first and for about a day in all, which is what greylisting asks for.
Limit: a worker that is killed between the server's "250" and the commit sends the mail again, with the same
Message-ID. The error names the server's answer, never the password.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiosmtplib
import procrastinate

from sfa.catalog import MAIL
from sfa.config import Config
from sfa.db import Session
from sfa.errors import InputError, SfaError
from sfa.jobs.runner import Run, run
from sfa.jobs.standalone import Again
from sfa.mail import text_name
from sfa.queue.app import app
from sfa.queue.attempt import Record
from sfa.vault import Vault

TIMEOUT = 30.0


@app.task(name="mail", queue="default", pass_context=True, retry=Again())
async def mail(context: procrastinate.JobContext, job_id: str) -> None:
    """Run one attempt at sending."""
    await run(context, MAIL, perform, job_id)


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server, as ``smtp_url`` names it."""

    host: str
    port: int
    user: str | None
    password: str | None
    scheme: str

    @classmethod
    def of(cls, config: Config) -> Server:
        """The configured one; `Config.load` has checked the address."""
        parts = urlsplit(config.smtp_url)
        port = parts.port or {"smtps": 465, "smtp": 587}.get(parts.scheme, 25)
        user = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname or "", port, user, password, parts.scheme)


async def perform(work: Run) -> Record:
    """Send it, or leave it for the mail box."""
    config, row = work.resources.config, work.row
    vault, name = Vault(config), text_name(row["id"])
    async with work.resources.db.session() as session:
        secret = await vault.get(session, None, name)
    if secret is None:
        raise InputError("the text of this mail is gone: it was sent, or forgotten")
    if config.smtp_url:
        message = EmailMessage()
        message["From"] = config.mail_from
        message["To"] = row["recipient"]
        message["Subject"] = row["subject"]
        message["Date"] = format_datetime(row["inserted_at"])
        message["Message-ID"] = f"<{row['id']}@sound-forge-alchemy>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(secret.reveal())
        await send(Server.of(config), message)

    async def record(session: Session) -> None:
        if config.smtp_url:
            await vault.forget(session, None, name)
        else:
            await session.run("mail_kept", id=row["id"])

    return record


async def send(server: Server, message: EmailMessage) -> None:
    """Hand the message over; `InputError` for a refusal for good, `SfaError` for everything else."""
    where = f"the mail server {server.host}:{server.port}"
    try:
        await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.scheme == "smtps",
            start_tls=server.scheme == "smtp",
            timeout=TIMEOUT,
        )
    except aiosmtplib.SMTPAuthenticationError as error:
        # The server's words may repeat what was sent.
        raise SfaError(
            f"{where} does not accept the user or the password of smtp_url ({error.code})"
        ) from None
    except aiosmtplib.SMTPRecipientsRefused as error:
        first = error.recipients[0]
        raise _refused(where, first.code, first.message) from None
    except aiosmtplib.SMTPResponseException as error:
        raise _refused(where, error.code, error.message) from None
    except (aiosmtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise SfaError(f"{where} cannot be used: {type(error).__name__}") from None


def _refused(where: str, code: int, message: str) -> SfaError:
    sentence = f"{where} answered {code}: {' '.join(message.split())[:300]}"
    return InputError(sentence) if 500 <= code < 600 else SfaError(sentence)
