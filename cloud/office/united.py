"""How what head office knows of two members becomes one. Pure; called by `merge`.

What the kept member says stands. What it says nothing of is taken from the other; tags are those of
both, and so is the note; of purchases and visits the later stands, with its place.
"""

from collections.abc import Callable, Mapping
from typing import Final

from cloud.office.table import NOTE_CHARS_MAX, TAGS_CHARS_MAX

_PAIRS: Final = (("last_purchase_on", "last_purchase"), ("last_visit_on", "last_visit_shop"))
_BETWEEN: Final = " / "
Texts = Mapping[str, str]


def united(kept: Texts, gone: Texts, fits: Callable[[Texts], bool]) -> dict[str, str]:
    """Return the texts of the one member; the external id is the kept one's.

    Each text is taken over while all of them fit, the longest, note and tags, last.
    """
    made = dict(kept)
    for added in _additions(kept, gone):
        if fits({**made, **added}):
            made |= added
    return made


def _additions(kept: Texts, gone: Texts) -> list[dict[str, str]]:
    together = {name for pair in _PAIRS for name in pair}
    alone = [
        {name: text}
        for name, text in sorted(gone.items())
        if text and not kept.get(name) and name not in {*together, "note", "tags", "external_id"}
    ]
    pairs = [
        {name: gone.get(name, "") for name in pair}
        for pair in _PAIRS
        # Days as they are written sort by time.
        if (
            (gone.get(pair[0], ""), gone.get(pair[1], "")) > (kept.get(pair[0], ""), "")
            and gone.get(pair[0], "") != kept.get(pair[0], "")
        )
        or (not any(kept.get(name) for name in pair) and any(gone.get(name) for name in pair))
    ]
    return [*alone, *pairs, *_tags(kept, gone), *_note(kept, gone)]


def _tags(kept: Texts, gone: Texts) -> list[dict[str, str]]:
    both = f"{kept.get('tags', '')};{gone.get('tags', '')}".replace("；", ";")
    tags = list(dict.fromkeys(tag.strip() for tag in both.split(";") if tag.strip()))
    text = ";".join(tags)
    sound = len(tags) <= 20 and len(text) <= TAGS_CHARS_MAX
    return [{"tags": text}] if gone.get("tags") and sound else []


def _note(kept: Texts, gone: Texts) -> list[dict[str, str]]:
    notes = dict.fromkeys(text for text in (kept.get("note"), gone.get("note")) if text)
    text = _BETWEEN.join(notes)
    return [{"note": text}] if gone.get("note") and len(text) <= NOTE_CHARS_MAX else []
