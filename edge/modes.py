"""Says in which mode the box runs now, and why not in the one that was asked for.

Called by `app` at every start and by the eyes each second; DESIGN section 2 has the rules. A mode
may only ever be lowered: whatever is missing leads to `count`, which reads no face.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal

from edge.config import EdgeConfig
from edge.config_sections import Mode
from edge.ports import ClockState

Why = Literal[
    "declaration_missing",
    "declaration_expired",
    "file_key_not_accepted",
    "key_missing",
    "models_missing",
    "clock_suspect",
    "faces_off",
    "head_office",
    "everybody_without_basis",
]

MODES: Final[tuple[Mode, ...]] = ("count", "checkin", "entrance")
"""From the one that reads no face upwards."""
Basis = Literal["crossings", "distinct"]
"""What visitors are: crossings in `count` mode, else distinct people (DESIGN section 6)."""
MEANING: Final[dict[Why, str]] = {
    "declaration_missing": 'there is no [declaration]; write one, or set mode = "count"',
    "declaration_expired": "the [declaration] has expired; renew the assessment and its date",
    "file_key_not_accepted": "the box's key lies in a file, as there is no TPM or as it is set;"
    " the [declaration] must accept that: accept_file_key = true",
    "key_missing": "the key that opens templates is not there",
    "models_missing": "the face models cannot be loaded",
    "clock_suspect": "the clock is not known to be right",
    "faces_off": "somebody in the shop has turned faces off",
    "head_office": "head office allows no more",
    "everybody_without_basis": '[dedup] who = "everybody" needs basis_everybody in the'
    " [declaration]; only members are recognised again",
}
"""What each reason means and what to do, for the person at the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeStatus:
    """The mode that runs, the one that was asked for, and what stands between them.

    `everybody`: strangers are remembered within the window as well. `everybody_without_basis`
    among `why` lowers that, and nothing else.
    """

    mode: Mode
    wanted: Mode
    why: tuple[Why, ...]
    everybody: bool


def basis_of(mode: str) -> Basis:
    """Return what visitors are in a mode."""
    return "crossings" if mode == "count" else "distinct"


def declaration_ends(config: EdgeConfig) -> datetime | None:
    """Return when the declaration runs out: the end of its last day in the shop's zone."""
    if config.declaration is None:
        return None
    day = config.declaration.expires + timedelta(days=1)
    return datetime.combine(day, time(), tzinfo=config.store.zone).astimezone(UTC)


def declared(config: EdgeConfig, now: datetime) -> ModeStatus:
    """Judge what the settings and the declaration allow at `now`; nothing else is looked at."""
    return judge(config, now=now, clock="ok", faces_off=False, key=True, models=True)


def judge(
    config: EdgeConfig,
    *,
    now: datetime,
    clock: ClockState,
    faces_off: bool,
    key: bool,
    models: bool = True,
) -> ModeStatus:
    """Judge the mode.

    Args:
        config: the settings.
        now: the moment at which the declaration is judged.
        clock: whether that moment can be trusted.
        faces_off: whether somebody in the shop has turned faces off.
        key: whether the key that opens templates is there.
        models: whether the face models can be loaded.
    """
    wanted = config.privacy.mode
    if wanted == "count":
        return ModeStatus(mode="count", wanted=wanted, why=(), everybody=False)
    why: list[Why] = []
    declaration, ends = config.declaration, declaration_ends(config)
    if declaration is None:
        why.append("declaration_missing")
    elif ends is not None and now >= ends:
        why.append("declaration_expired")
    if config.key_kind == "file" and not (declaration and declaration.accept_file_key):
        why.append("file_key_not_accepted")
    if faces_off:
        why.append("faces_off")
    allowed = _allowed(config)
    if allowed == "count":
        why.append("head_office")
    if not key and not why:  # else it is put away on purpose
        why.append("key_missing")
    if not models:
        why.append("models_missing")
    if clock == "suspect":
        why.append("clock_suspect")
    lowered = bool(why)
    if allowed not in ("count", wanted):
        why.append("head_office")
    asked = config.dedup.who == "everybody"
    basis = bool(declaration and declaration.basis_everybody.strip())
    if asked and not basis:
        why.append("everybody_without_basis")
    return ModeStatus(
        mode="count" if lowered else allowed,
        wanted=wanted,
        why=tuple(why),
        everybody=asked and basis and not lowered,
    )


def _allowed(config: EdgeConfig) -> Mode:
    """Return the lower one of the file's mode and what head office allows."""
    wanted, most = config.privacy.mode, config.mode_at_most
    return wanted if most is None or MODES.index(most) > MODES.index(wanted) else most
