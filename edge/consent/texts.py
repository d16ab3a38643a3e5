"""Finds the consent texts that ship with this version, and their hashes.

Called at enrolment and by the pages that show a text. A text that was released is never edited:
the hash in the ledger is of its bytes. A new wording is a new version.
"""

import re
from hashlib import sha256
from importlib.resources import files
from typing import Final

_NAME: Final = re.compile(r"(\d{4}-\d{2})\.([a-z]{2})\.md")


def consent_texts() -> dict[tuple[str, str], bytes]:
    """Return each text's bytes by version and language."""
    found = ((_NAME.fullmatch(entry.name), entry) for entry in files("edge.consent").iterdir())
    return {(name[1], name[2]): entry.read_bytes() for name, entry in found if name}


def text_hashes() -> dict[tuple[str, str], str]:
    """Return each text's SHA-256, 64 hexadecimal digits, by version and language."""
    return {key: sha256(content).hexdigest() for key, content in consent_texts().items()}
