"""Keep the keys that secrets are encrypted with: outside of the database, so that its dump opens nothing.

The ring is the setting ``keys`` (for hosts that share a database) or else the file ``var/keyring`` (mode 0600, made
when the first secret is kept): one key a line, base64 of 32 bytes; the first one seals, all of them open. A key's id
is the beginning of its sha256. Sealing is AES-256-GCM with a random nonce; owner and name are authenticated with it,
so that a row that was moved to another owner opens for nobody.
Limit: whoever reads the file and the database reads the secrets; the keys are only as safe as the host.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sfa.config import Config
from sfa.errors import ConfigError, SfaError

SIZE = 32
NONCE = 12


class KeyMissing(SfaError):
    """A secret was encrypted with a key that this host does not have: copy var/keyring from the host that has it, or set SFA_KEYS."""


class SecretDamaged(SfaError):
    """A secret does not open with its key: its row was changed by hand. Enter the secret anew."""


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One key, and its id."""

    value: bytes

    @property
    def id(self) -> str:
        """What the database knows of the key."""
        return hashlib.sha256(b"sfa-key" + self.value).hexdigest()[:16]

    @property
    def text(self) -> str:
        """The key as it stands in the ring."""
        return base64.b64encode(self.value).decode()

    @classmethod
    def new(cls) -> Key:
        """A fresh one."""
        return cls(AESGCM.generate_key(bit_length=8 * SIZE))

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key in the text; an error never repeats it."""
        try:
            value = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            value = b""
        if len(value) != SIZE:
            raise ConfigError(
                "the key ring holds something that is no key: a key is base64 of 32 bytes, "
                "as `bin/sfa keys new` prints it"
            )
        return cls(value)

    def __repr__(self) -> str:
        return f"Key({self.id})"


class KeyRing:
    """The installation's keys, read anew each time: another process may have added one."""

    def __init__(self, config: Config) -> None:
        self._given = config.keys
        self.path = config.var / "keyring"

    @property
    def given(self) -> bool:
        """Whether the keys come from the setting, so that the file is not used."""
        return bool(self._given)

    def read(self) -> list[Key]:
        """Every key, the one that seals first; none: nothing was ever kept here."""
        if self._given:
            return [Key.parse(part) for part in self._given.replace(",", " ").split()]
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise SfaError(f"the key ring cannot be read: {error.strerror}") from None
        return [Key.parse(line) for line in text.split()]

    def start(self) -> list[Key]:
        """Make the file with a first key; of two processes that do so at once both get the same."""
        if not self._given:
            self._write([Key.new()], fresh=True)
        return self.read()

    def add(self, key: Key) -> None:
        """Put a key in front: from now on it seals."""
        self._write([key, *self.read()])

    def retire(self, ids: set[str]) -> None:
        """Take keys out for good."""
        self._write([key for key in self.read() if key.id not in ids])

    def _write(self, keys: list[Key], *, fresh: bool = False) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_name(f"keyring.{os.getpid()}.{os.urandom(4).hex()}")
        try:
            with os.fdopen(
                os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write("".join(f"{key.text}\n" for key in keys))
                file.flush()
                os.fsync(file.fileno())
            if fresh:
                # Fails if another process was first: its key is everybody's then.
                os.link(draft, self.path)
            else:
                draft.replace(self.path)
            _sync(self.path.parent)
        except FileExistsError:
            pass
        finally:
            draft.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seal(key: Key, about: bytes, value: str) -> bytes:
    """Encrypt: nonce, then cipher text with its tag. ``about`` is authenticated, not kept."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key.value).encrypt(nonce, value.encode(), about)


def unseal(keys: list[Key], key_id: str, about: bytes, sealed: bytes) -> str:
    """Decrypt with the key of that id. Raises `KeyMissing` or `SecretDamaged`."""
    for key in keys:
        if key.id == key_id:
            try:
                return AESGCM(key.value).decrypt(sealed[:NONCE], sealed[NONCE:], about).decode()
            except (InvalidTag, ValueError):
                # From None: the cause holds nothing that helps.
                raise SecretDamaged from None
    raise KeyMissing
