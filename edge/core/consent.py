"""Reads a consent record and judges it (DESIGN section 4). Called at enrolment; pure.

    {"purpose": "recognition", "text_version": "2026-11", "language": "zh",
     "given_at": "2026-11-20T15:04:00+08:00", "means": "in_person", "scope": "store",
     "shops": [], "expires": "2027-11-20", "adult": true, "guardian": null}

`born` (a date) and `member` (whose consent it is) may be added. What a record says beyond these
keys is a flaw: nobody agreed to something that nobody reads.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from edge.core.flaws import Flaw, Flaws

T = TypeVar("T")

PURPOSE: Final = "recognition"
MEANS: Final = ("in_person", "paper", "screen", "phone", "online")
SCOPES: Final = ("store", "chain")
ADULT_FROM: Final = 18
"""Below it a guardian consents too (Civil Code of the PRC, article 17)."""
TEMPLATE_FROM: Final = 14
"""Below it no template is stored at all (DESIGN section 2; PIPL article 31)."""
FUTURE_MAX: Final = timedelta(days=1)
"""How far the clock of whoever wrote the record may be ahead of the box's."""
LONGEST: Final = timedelta(days=5 * 365 + 2)  # with its leap days
"""From `given_at` to the end of `expires`. A face is kept no longer than its purpose needs (PIPL
article 19), so nobody agrees for ever: after five years people are asked again."""
_YEARS: Final = (2000, 2200)
_WORDS_MAX: Final = 80
_SHOPS_MAX: Final = 10_000
_KEYS: Final = (
    *("purpose", "text_version", "language", "given_at", "means", "scope", "shops"),
    *("expires", "adult", "guardian"),
)
_OPTIONAL: Final = ("born", "member")
_GUARDIAN_KEYS: Final = ("name", "relation", "given_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardian:
    """Who consented for somebody under 18."""

    name: str = field(repr=False)
    relation: str = field(repr=False)
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a record is judged against.

    `texts` holds the hash (64 hexadecimal digits) of each text by version and language; a version
    is the month from which the text was shown. `names` is what the member may be called in
    `member`: the member id, the external id. `ended_at` (aware) is when a consent of this member
    last ended, None when none has.
    """

    shop: str
    zone: ZoneInfo
    now: datetime
    texts: Mapping[tuple[str, str], str]
    names: Collection[str]
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A consent that holds. `expires` is its last day in the shop's zone.

    `ends_at` (aware UTC) is the first moment at which it holds no more, `text_hash` the SHA-256
    of the text that was agreed to.
    """

    purpose: str
    text_version: str
    language: str
    text_hash: str
    given_at: datetime
    means: str
    scope: str
    shops: tuple[str, ...]
    expires: date
    ends_at: datetime
    adult: bool
    guardian: Guardian | None
    born: date | None = field(repr=False)

    def live(self, at: datetime) -> bool:
        """Say whether the consent holds at an aware moment."""
        return self.given_at <= at < self.ends_at


def age_on(born: date, day: date) -> int:
    """Return the age in whole years; who was born on 29 February ages on 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


class _Reader:
    """Takes values out of a JSON object; gathers flaws instead of stopping at the first."""

    def __init__(self, raw: Mapping[str, Any], flaws: list[Flaw], prefix: str = "") -> None:
        self._raw = raw
        self._flaws = flaws
        self._prefix = prefix

    def flaw(self, key: str, text: str) -> None:
        self._flaws.append(Flaw(key=self._prefix + key, text=text))

    def check_keys(self, wanted: Collection[str], optional: Collection[str] = ()) -> None:
        for key in wanted:
            if key not in self._raw:
                self.flaw(key, "expected a value, got none")
        for key in self._raw:
            if key not in wanted and key not in optional:
                self.flaw(str(key)[:_WORDS_MAX], f"unknown key; known are {', '.join(wanted)}")

    def take(self, key: str, read: Callable[[Any], T]) -> T | None:
        """Return what `read` makes of a value; None where it is absent or flawed."""
        if key not in self._raw:
            return None
        try:
            return read(self._raw[key])
        except (ValueError, OverflowError) as exc:
            self.flaw(key, str(exc))
            return None


def _shown(value: Any) -> str:
    if isinstance(value, str | int | float | bool | None):
        return repr(value)[:_WORDS_MAX]
    return type(value).__name__


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if isinstance(value, str) and value in allowed:
            return value
        raise ValueError(f"expected {' | '.join(allowed)}, got {_shown(value)}")

    return read


def _moment(value: Any) -> datetime:
    wanted = "expected a time with offset such as 2026-11-20T15:04:00+08:00"
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not _YEARS[0] < moment.year < _YEARS[1]:
        raise ValueError(f"{wanted}, got {_shown(value)}")
    return moment.astimezone(UTC)


def _day(value: Any) -> date:
    wanted = "expected a date such as 2027-11-20"
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None or not _YEARS[0] < day.year < _YEARS[1]:
        raise ValueError(f"{wanted}, got {_shown(value)}")
    return day


def _birth_day(value: Any) -> date:
    try:
        day = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError("expected a date such as 1990-03-08, got something else")
    return day


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"expected true or false, got {_shown(value)}")


def _shops(value: Any) -> tuple[str, ...]:
    if (
        isinstance(value, list)
        and len(value) <= _SHOPS_MAX
        and all(isinstance(shop, str) and 0 < len(shop) <= 64 for shop in value)
        and len(set(value)) == len(value)
    ):
        return tuple(value)
    raise ValueError("expected a list of different shop ids, or [], got something else")


def _personal(value: Any) -> str:
    if isinstance(value, str) and 0 < len(value.strip()) <= _WORDS_MAX and value.isprintable():
        return value.strip()
    raise ValueError(f"expected 1 to {_WORDS_MAX} printable characters, got something else")


def _guardian(value: Any, flaws: list[Flaw]) -> Guardian | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        wanted = "null or an object with name, relation and given_at"
        flaws.append(Flaw(key="guardian", text=f"expected {wanted}, got {_shown(value)}"))
        return None
    reader = _Reader(value, flaws, "guardian.")
    reader.check_keys(_GUARDIAN_KEYS)
    name, relation = reader.take("name", _personal), reader.take("relation", _personal)
    given_at = reader.take("given_at", _moment)
    if name is None or relation is None or given_at is None:
        return None
    return Guardian(name=name, relation=relation, given_at=given_at)


def _ends_at(expires: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(expires + timedelta(days=1), time(), tzinfo=zone).astimezone(UTC)


def _next_day(moment: datetime, zone: ZoneInfo) -> datetime:
    return _ends_at(moment.astimezone(zone).date(), zone)


def read_consent(raw: object, terms: Terms) -> Consent:
    """Read a consent record and judge it for one member, one shop and now.

    Args:
        raw: what the JSON text holds.
        terms: what it is judged against.

    Raises:
        Flaws: with everything that is wrong, by key.
    """
    if not isinstance(raw, Mapping):
        raise Flaws([Flaw(key="consent", text=f"expected an object {{...}}, got {_shown(raw)}")])
    flaws: list[Flaw] = []
    reader = _Reader(raw, flaws)
    reader.check_keys(_KEYS, _OPTIONAL)
    purpose = reader.take("purpose", _one_of(PURPOSE))
    text = _read_text(reader, raw, terms)
    given_at, expires = reader.take("given_at", _moment), reader.take("expires", _day)
    means = reader.take("means", _one_of(*MEANS))
    scope, shops = reader.take("scope", _one_of(*SCOPES)), reader.take("shops", _shops)
    adult = reader.take("adult", _flag)
    guardian = _guardian(raw.get("guardian"), flaws)
    born = reader.take("born", _birth_day) if raw.get("born") is not None else None
    _judge_scope(reader, scope, shops, terms)
    _judge_given(reader, given_at, guardian, text, terms)
    _judge_end(reader, given_at, expires, terms)
    if given_at is not None and adult is not None:
        _judge_age(reader, raw, adult=adult, born=born, day=given_at.astimezone(terms.zone).date())
    _judge_member(reader, raw, terms)
    if flaws:
        raise Flaws(flaws)
    held = _sure(text)
    return Consent(
        purpose=_sure(purpose),
        text_version=held[0],
        language=held[1],
        text_hash=terms.texts[held],
        given_at=_sure(given_at),
        means=_sure(means),
        scope=_sure(scope),
        shops=_sure(shops),
        expires=_sure(expires),
        ends_at=_ends_at(_sure(expires), terms.zone),
        adult=_sure(adult),
        guardian=guardian,
        born=born,
    )


def _sure(value: T | None) -> T:
    """Return a value that is None only where a flaw was found."""
    if value is None:
        raise AssertionError("a value without a flaw is missing")
    return value


def _read_text(reader: _Reader, raw: Mapping[str, Any], terms: Terms) -> tuple[str, str] | None:
    versions = sorted({version for version, _ in terms.texts})
    version = reader.take("text_version", _one_of(*versions))
    if version is None:
        return None
    languages = sorted(language for known, language in terms.texts if known == version)
    language = reader.take("language", _one_of(*languages))
    return None if language is None else (version, language)


def _judge_scope(
    reader: _Reader, scope: str | None, shops: tuple[str, ...] | None, terms: Terms
) -> None:
    if scope is None or shops is None:
        return
    if scope == "chain" and terms.shop not in shops:
        reader.flaw("shops", f"expected this shop, {terms.shop}, among them, got a list without it")
    if scope == "store" and shops not in ((), (terms.shop,)):
        reader.flaw("shops", "expected [] with scope store, got shops; or write scope chain")


def _judge_given(
    reader: _Reader,
    given_at: datetime | None,
    guardian: Guardian | None,
    text: tuple[str, str] | None,
    terms: Terms,
) -> None:
    """Judge when it was given: not in the future, nor before its text or after the last no."""
    moments = {"given_at": given_at}
    if guardian is not None:
        moments["guardian.given_at"] = guardian.given_at
    shown = _shown_from(text[0], terms.zone) if text else None
    for key, moment in moments.items():
        if moment is None:
            continue
        if moment > terms.now + FUTURE_MAX:
            reader.flaw(key, f"expected a time that has come, got {moment.isoformat()}")
        elif shown is not None and moment < shown:
            reader.flaw(
                key,
                f"expected a time from {shown.date()} on, when the text was new, got an earlier",
            )
        elif terms.ended_at is not None and moment <= terms.ended_at:
            reader.flaw(
                key,
                f"expected a time after {terms.ended_at.isoformat()}, when this member's last"
                " consent ended, got an earlier one: what has ended must be given anew",
            )


def _shown_from(version: str, zone: ZoneInfo) -> datetime:
    return datetime.combine(date.fromisoformat(f"{version}-01"), time(), tzinfo=zone)


def _judge_end(
    reader: _Reader, given_at: datetime | None, expires: date | None, terms: Terms
) -> None:
    if expires is None:
        return
    ends_at = _ends_at(expires, terms.zone)
    if ends_at <= terms.now:
        today = terms.now.astimezone(terms.zone).date()
        reader.flaw("expires", f"expected today ({today}) or later, got {expires}: it has expired")
    elif given_at is not None and ends_at <= given_at:
        reader.flaw("expires", f"expected no day before given_at, got {expires}")
    elif given_at is not None and ends_at > _next_day(given_at, terms.zone) + LONGEST:
        reader.flaw("expires", f"expected at most five years after given_at, got {expires}")


def _judge_age(
    reader: _Reader, raw: Mapping[str, Any], *, adult: bool, born: date | None, day: date
) -> None:
    guarded = raw.get("guardian") is not None
    if not adult and not guarded:
        reader.flaw(
            "guardian",
            f"expected name, relation and given_at of a guardian under {ADULT_FROM}, got null",
        )
    if adult and guarded:
        reader.flaw("guardian", "expected null for an adult, got a guardian")
    if born is None:
        return
    if born > day:
        reader.flaw("born", "expected a date before given_at, got a later one")
    elif age_on(born, day) < TEMPLATE_FROM:
        reader.flaw(
            "born",
            f"expected an age of {TEMPLATE_FROM} or more when consent was given, got less:"
            " no face is stored of a child; enrol without a photo",
        )
    elif adult is not (age_on(born, day) >= ADULT_FROM):
        reader.flaw("adult", f"expected {not adult} by the date in born, got {adult}".lower())


def _judge_member(reader: _Reader, raw: Mapping[str, Any], terms: Terms) -> None:
    named = raw.get("member")
    if named is not None and not (isinstance(named, str) and named in terms.names):
        reader.flaw("member", "expected the member who is enrolled here, got another")
