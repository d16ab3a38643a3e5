"""With what papers this box comes to others, and whether it shares templates at all.

Called by `app.sharing` in the eyes, and by the front and the supervisor, which open no template.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from edge.config import EdgeConfig
from edge.config_sections import UplinkSection, file_of
from edge.keys.certificates import Authority, Identity
from edge.keys.errors import KeyFault

ACTOR: Final = "sharing"
"""Whose doing it is in the audit log."""


def why_not(config: EdgeConfig) -> str | None:
    """Say in words why this box shares no templates, None if its settings let it."""
    section = config.uplink
    if config.privacy.mode == "count":
        return "the box counts: it reads no face"
    if section is None:
        return "there is no [uplink]"
    if not (section.ca and section.cert and file_of(section.key)):
        return "[uplink] names no ca, cert and key: other boxes could not tell who this one is"
    return None


class Papers:
    """The certificates that `[uplink]` names, read anew now and then."""

    def __init__(self, place: str, section: UplinkSection, base: Path) -> None:
        key = file_of(section.key)
        if section.ca is None or section.cert is None or key is None:
            raise KeyFault("[uplink]: expected ca, cert and key for sharing templates, got none")
        self._place = place
        self._files = base / section.ca, base / section.cert, base / key

    def read(self) -> tuple[Authority, Identity]:
        """Return whom this box believes, and who it is.

        Raises:
            KeyFault: they cannot be used.
        """
        ca, cert, key = self._files
        return Authority(ca), Identity(self._place, cert, key)


def why_doubtful(config: EdgeConfig, now: datetime) -> str | None:
    """Say why other boxes would not believe this one's certificate, None if they would."""
    if config.uplink is None or why_not(config) is not None:
        return None
    place = f"{config.store.id}/{config.box.id}"
    try:
        authority, identity = Papers(place, config.uplink, config.base).read()
        words = place.encode()
        authority.check(place, identity.certificates, words, identity.sign(words), now)
    except KeyFault as exc:
        return str(exc)
    return None


def doubts(config: EdgeConfig, now: datetime) -> Iterator[str]:
    """Say what keeps this box from sharing templates, where it reads faces and has an uplink."""
    if config.privacy.mode == "count" or config.uplink is None:
        return
    why = why_not(config) or why_doubtful(config, now)
    if why is not None:
        yield f"templates are not shared with other boxes: {why}"
