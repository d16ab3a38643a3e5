"""The sections of edge.toml for messages out of the shop: `[[outbound]]` and `[queue]`.

Joined by `config`; `config_values` says what each value may hold.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic.dataclasses import dataclass

from edge.config_values import Duration, Identifier, Secret, own
from menkou.settings import STRICT, read_secret

OutboundKind = Literal["webhook", "sms", "wecom", "dingtalk", "feishu"]
Alerts = Literal["off", "plain", "named"]
"""Which alerts a target is told: none; that somebody came in; with the member's name."""
SECRET_MIN: Final = 24
"""Characters of a webhook's secret: what `openssl rand -base64 24` gives and more."""
_BOTS: Final = ("wecom", "dingtalk", "feishu")
_SIGNED: Final = ("webhook", "dingtalk", "feishu")
_OF_SMS: Final = ("method", "headers", "body", "content_type", "expect")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_CREDENTIAL: Final = re.compile(r"(?i)@|(pass|pwd|user|token|secret|key|auth|sign)[a-z_]*=[^{]")
_TEXT_MAX: Final = 200


def _address(value: Any) -> str:
    """An address, or a `file:` reference to one. What looks like a password is refused here."""
    if not isinstance(value, str):
        raise ValueError("expected an address such as https://sms.example.com/send")
    if value.startswith("file:"):
        return value
    if _CREDENTIAL.search(value):
        raise ValueError(
            "expected no key or password in the address; put the whole address into a file that"
            " only root and the service can read, and write file:/etc/menkou/sms.url"
        )
    return checked_address(value)


def checked_address(url: str) -> str:
    """Return an address that messages may go to. Never repeats it: a key may stand in it.

    Raises:
        ValueError: it is none, or it would be sent in the clear beyond this machine.
    """
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound or "#" in url or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("expected https://HOST/PATH in ASCII, got one that cannot be read")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("expected https:// for another machine, got http://")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _headers(value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError('expected a table such as { Authorization = "Bearer {secret}" }')
    for name, text in value.items():
        if not (_HEADER.fullmatch(name) and isinstance(text, str) and text.isprintable()):
            raise ValueError("expected names of A-Z a-z 0-9 - and texts in one line")
    return dict(value)


def _message(value: Any) -> str:
    if isinstance(value, str) and value.isprintable() and len(value) <= _TEXT_MAX:
        rest = value.replace("{shop}", "").replace("{number}", "")
        if "{number}" in value and not {"{", "}"} & set(rest):
            return value
    raise ValueError(
        f"expected up to {_TEXT_MAX} characters in one line with {{number}} and, if wanted,"
        f" {{shop}} in them, got {value!r}"
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OutboundSection:
    """A place that messages go to: a webhook, a gateway for short messages, a group's bot."""

    name: Identifier
    kind: OutboundKind
    url: Annotated[str, own(_address)]
    secret: Secret = None
    ca: Path | None = None
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: Annotated[Mapping[str, str], own(_headers)] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    expect: str = ""
    alerts: Alerts = "off"

    @property
    def files(self) -> Mapping[str, Path | None]:
        """The certificates' file by setting."""
        return {"ca": self.ca}

    def faults(self, given: Sequence[str]) -> list[tuple[str, str]]:
        """Return (setting, fault) for what does not belong together.

        Args:
            given: the keys that the file sets.
        """
        found = []
        if self.kind in _BOTS and not self.url.startswith("file:"):
            text = "expected a file: reference, since a bot's address holds its key"
            found.append(("url", f"{text}; got the address itself"))
        if self.kind in _SIGNED and self.secret is None:
            found.append(("kind", f"expected secret beside it, which {self.kind} signs with"))
        if self.kind == "wecom" and self.secret is not None:
            found.append(("secret", "expected none: WeCom's key stands in the address"))
        if self.alerts != "off" and self.kind == "sms":
            found.append(("alerts", 'expected none with "sms": an alert has no phone number'))
        if self.alerts == "named" and self.kind in _BOTS:
            text = 'expected "plain": a group at another company is told no names'
            found.append(("alerts", f'{text}; got "named" with "{self.kind}"'))
        if self.kind != "sms":
            found += [
                (key, f'expected with kind = "sms" only, got it with "{self.kind}"')
                for key in _OF_SMS
                if key in given
            ]
        elif not self.url.startswith("file:"):
            whole = self.url + self.body
            found += [
                ("body", f"expected {{{name}}} in it or in the address, got none")
                for name in ("phone", "text")
                if f"{{{name}}}" not in whole
            ]
        if "{secret}" in "".join([self.url, self.body, *self.headers.values()]) and (
            self.secret is None
        ):
            found.append(("kind", "expected secret beside it, which {secret} stands for, got none"))
        return found

    def address(self, base: Path) -> str:
        """Return the true address; a `file:` reference is read.

        Raises:
            ValueError: it cannot be read, or holds no address.
        """
        if not self.url.startswith("file:"):
            return self.url
        return checked_address(read_secret(self.url, base))

    def read_secret(self, base: Path) -> str:
        """Return the secret, empty if there is none.

        Raises:
            ValueError: it cannot be read, or can be guessed.
        """
        if self.secret is None:
            return ""
        secret = read_secret(self.secret, base)
        if self.kind == "webhook" and len(secret) < SECRET_MIN:
            raise ValueError(
                f"expected a file with {SECRET_MIN} or more characters, such as"
                " openssl rand -base64 32 prints; it holds fewer"
            )
        return secret


@dataclass(frozen=True, kw_only=True, config=STRICT)
class QueueSection:
    """The queue at the desk. The manager may set `call_after` on the page, too.

    `target`: the `[[outbound]]` by which guests are called; None: consultants call them all.
    `late_after`: a message that could not go out for so long is not sent any more; `back_within`:
    who is not back so long after it gets a call task.
    """

    target: Identifier | None = None
    call_after: Duration = timedelta(minutes=30)
    back_within: Duration = timedelta(minutes=15)
    late_after: Duration = timedelta(minutes=30)
    text: Annotated[str, own(_message)] = "【{shop}】您的号码 {number} 快到了，请回到店里。"
