"""What `menkou-edge member ...` and `menkou-edge audit ...` do. Called by `member_cli`.

Data goes to stdout, words to stderr. Each look at a member is noted in the audit log.
"""

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.commands import FAILED, CommandFault, CommandUsage, complain, warn
from edge.config import EdgeConfig, load
from edge.core.consent import Consent
from edge.core.flaws import Flaws
from edge.core.profile import FIELDS, Profile, read_profile
from edge.hardening import seal_process
from edge.modes import declared
from edge.wire.codec import utc_text
from menkou.words import counted

if TYPE_CHECKING:
    from edge.app.member import Office
    from menkou.table import Fault

Command = Callable[[argparse.Namespace], int]

CONSENT_BYTES_MAX: Final = 64 * 1024
_NO_FACES: Final = {
    "declaration_missing": "there is no [declaration]",
    "declaration_expired": "the [declaration] has expired",
    "head_office": "head office allows no more",
    "file_key_not_accepted": "the [declaration] does not accept a file key (accept_file_key)",
}


def sealed(run: Command) -> Command:
    """Return a command that closes the process's memory before names, photos or keys are in it."""

    def run_sealed(arguments: argparse.Namespace) -> int:
        seal_process(quietly=True)  # a limit of locked memory is no fault of who runs a command
        return run(arguments)

    return run_sealed


@contextmanager
def _office(arguments: argparse.Namespace) -> Iterator["Office"]:
    from edge.app.member import Office  # only these commands load it

    office = Office(load(arguments.config))
    try:
        yield office
    finally:
        office.close()


def enroll(arguments: argparse.Namespace) -> int:
    """Add a member, or consent and photos to one; print the member's id."""
    texts = _given(arguments)
    if arguments.member and texts:
        raise CommandUsage("--member: expected no profile beside it; use member change for that")
    if arguments.photo and not arguments.consent and not arguments.member:
        raise CommandUsage("--photo: expected --consent beside it, got none")
    if arguments.member and not (arguments.photo or arguments.consent):
        raise CommandUsage("--member: expected --consent or --photo beside it, got neither")
    profile = None if arguments.member else _profile(texts)
    raw = _consent_record(arguments.consent) if arguments.consent else None
    with _office(arguments) as office:
        if arguments.photo:
            _require_faces(office.config, office)
        if profile is None:
            member_id = _add_to(office, arguments, raw)
        else:
            member_id = _add_new(office, profile, arguments.photo, raw)
        if arguments.photo or arguments.consent:
            _warn_of_clock(office)
    print(member_id)
    return 0


def _add_new(office: "Office", profile: Profile, photos: Sequence[Path], raw: object) -> str:
    from edge.store.register import new_member

    member = new_member(profile, office.now())
    names = [member.id, *([profile.external_id] if profile.external_id else [])]
    consent = None if raw is None else _judged(office, raw, names, member.subject)
    template = office.template(photos, member.subject) if photos else None
    office.register().add(member, consent=consent, template=template)
    return member.id


def _add_to(office: "Office", arguments: argparse.Namespace, raw: object) -> str:
    member = office.people.by_id(arguments.member)
    external_id = member.profile.external_id
    names = [member.id, *([external_id] if external_id else [])]
    consent = None if raw is None else _judged(office, raw, names, member.subject)
    template = office.template(arguments.photo, member.subject) if arguments.photo else None
    office.register().enrol(member.id, office.now(), consent=consent, template=template)
    return member.id


def _require_faces(config: EdgeConfig, office: "Office") -> None:
    if office.faces_off:
        raise CommandFault(
            "--photo: expected a box that reads faces, got one on which somebody has turned face"
            " recognition off; turn it on again on the shop's page, or enrol without --photo"
        )
    status = declared(config, office.now())
    if status.mode != "count":
        return
    why = [_NO_FACES.get(code, code) for code in status.why]
    wanted = (
        f"mode {status.wanted!r} was asked for, but {'; '.join(why)}" if why else "mode 'count'"
    )
    raise CommandFault(
        f"--photo: expected a box that reads faces, got one that counts ({wanted});"
        " enrol without --photo: the card works without a face"
    )


def _warn_of_clock(office: "Office") -> None:
    """Say that the time may be wrong. No more: a box is set up before its network is."""
    if not office.clock_ok:
        warn(
            "this box's clock is not synchronised: consent and declaration were judged"
            f" as at {utc_text(office.now())}; if that is wrong, see to the network, and show the"
            " member again"
        )


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    texts = {name: getattr(arguments, name) for name in FIELDS}
    return {name: text for name, text in texts.items() if text is not None}


def _profile(texts: Mapping[str, str]) -> Profile:
    try:
        return read_profile(texts)
    except Flaws as exc:
        told = (f"--{flaw.key.replace('_', '-')}: {flaw.text}" for flaw in exc.flaws)
        raise CommandUsage("; ".join(told)) from None


def _consent_record(path: Path) -> object:
    """Read the JSON text of a consent; a key that stands twice in it is a fault."""
    try:
        with path.open("rb") as file:
            raw = file.read(CONSENT_BYTES_MAX + 1)
        if len(raw) > CONSENT_BYTES_MAX:
            raise CommandFault(f"{path}: expected at most {CONSENT_BYTES_MAX} bytes, got more")
        record: object = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_each_once)
    except OSError as exc:
        raise CommandFault(f"{path}: cannot be read: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        # The decoder's own error holds the whole text, which may name a guardian.
        reason = exc.msg if isinstance(exc, json.JSONDecodeError) else type(exc).__name__
        if isinstance(exc, _Twice):
            reason = str(exc)
        raise CommandFault(f"{path}: expected a consent record in JSON, got: {reason}") from None
    if record is None:
        raise CommandFault(f"{path}: expected a consent record in JSON, got null")
    return record


class _Twice(ValueError):
    """A key stands twice in one object."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"the key {twice[:40]!r} twice")
    return record


def _judged(office: "Office", raw: object, names: Sequence[str], subject: str) -> Consent:
    try:
        return office.consent(raw, names, subject)
    except Flaws as exc:
        raise CommandFault(f"consent: {exc}") from None


def list_members(arguments: argparse.Namespace) -> int:
    """List all members."""
    with _office(arguments) as office:
        roll = office.listed()
    _print_lines(roll.lines, as_json=arguments.json)
    for member_id in roll.damaged:
        complain(
            f"member {member_id}: the profile is damaged; restore a backup, or erase and enrol"
        )
    return FAILED if roll.damaged else 0


def _print_lines(lines: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print a line each; the line that names the columns is a word, so stdout holds data only."""
    if lines and not as_json:
        print("  ".join(lines[0]), file=sys.stderr, flush=True)
    for line in lines:
        if as_json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        else:
            print("  ".join(_cell(value) for value in line.values()), flush=True)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return json.dumps(value) if isinstance(value, dict) else str(value)


def show(arguments: argparse.Namespace) -> int:
    """Show a member."""
    with _office(arguments) as office:
        shown = office.shown(arguments.member)
    if arguments.json:
        print(json.dumps(shown, ensure_ascii=False))
        return 0
    for key, value in shown.items():
        if value is not None:
            print(f"{key:<18} {value}")
    return 0


def change(arguments: argparse.Namespace) -> int:
    """Change fields of a member's profile."""
    texts = _given(arguments)
    if not texts:
        raise CommandUsage("expected at least one field to change, such as --tier gold, got none")
    with _office(arguments) as office:
        member = office.people.by_id(arguments.member)
        profile = _profile({**member.profile.texts(), **texts})
        office.register().change(member.id, profile, office.now())
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """End a member's consent."""
    with _office(arguments) as office:
        overwritten = office.withdraw(arguments.member)
    _require_overwritten(overwritten, "the consent has ended")
    print("the consent has ended and the face template is gone; the card stays", file=sys.stderr)
    return 0


def erase(arguments: argparse.Namespace) -> int:
    """Destroy all that is held of a member."""
    if not arguments.yes:
        raise CommandUsage("--yes: expected it, since what is erased cannot be had back; got none")
    with _office(arguments) as office:
        overwritten = office.erase(arguments.member)
    _require_overwritten(overwritten, "the member is erased")
    print("erased: keys, profile and face template are destroyed", file=sys.stderr)
    return 0


def _require_overwritten(overwritten: bool, done: str) -> None:
    if not overwritten:
        raise CommandFault(
            f"{done}, but a process that reads kept the database's log from being emptied:"
            " encrypted remains stand in menkou.db-wal until the running box has emptied it"
        )


def code(arguments: argparse.Namespace) -> int:
    """Make a one-time code, or let a phone make them; the last line is the code or the address."""
    with _office(arguments) as office:
        if arguments.end:
            if not office.end_phone(arguments.member):
                raise CommandFault("--end: expected a phone that makes codes, got a member without")
            return 0
        if arguments.phone is not None:
            _show_address(office.phone_address(arguments.member, arguments.phone))
            return 0
        made = office.code(arguments.member)
        until = made.expires_at.astimezone(office.config.store.zone)
    print(f"good until {until:%H:%M}, once, in this shop:", file=sys.stderr, flush=True)
    print(made.text)
    return 0


def _show_address(address: str) -> None:
    import segno

    drawn = io.StringIO()
    segno.make(address, error="m", micro=False).terminal(drawn, compact=True)
    print("for the member's phone and nobody else; it is kept nowhere else:", file=sys.stderr)
    print(drawn.getvalue(), file=sys.stderr, flush=True)
    print(address)


def export(arguments: argparse.Namespace) -> int:
    """Write all that is held of a member."""
    with _office(arguments) as office:
        text = json.dumps(office.exported(arguments.member), ensure_ascii=False, indent=2) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
        return 0
    try:
        with arguments.out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CommandFault(f"{arguments.out}: expected a new file, got one that exists") from None
    except OSError as exc:
        raise CommandFault(f"{arguments.out}: cannot be written: {exc.strerror}") from exc
    return 0


def import_members(arguments: argparse.Namespace) -> int:
    """Add or change the members of a CSV file; name the rows that cannot be taken."""
    from edge.member_table import sift_members
    from menkou.progress import Progress
    from menkou.table import TableFault, read_file

    path: Path = arguments.file
    raw = read_file(path)
    try:
        sift_members(raw)  # before a store or a key is made
    except TableFault as exc:
        raise CommandFault(_told_of(path, ["nothing was imported:"], exc.faults)) from None
    shown = Progress(sys.stderr)
    with _office(arguments) as office:
        done = office.imported(
            raw, lambda far: shown.show(lambda: f"line {far.line} of about {far.lines}")
        )
    shown.done()
    head = [f"{counted(done.broken, 'row')} not imported, the others were:"] if done.broken else []
    if done.stage == "stopped":
        head.append(f"the rows up to line {done.line} of about {done.lines} were imported, then:")
        head.append(f"{done.why}; import the file again if every row has an external_id")
    if head:
        complain(_told_of(path, head, done.faults, done.broken))
    print(f"{counted(done.added, 'member')} added, {done.changed} changed")
    return FAILED if head else 0


def _told_of(path: Path, head: Sequence[str], faults: Sequence["Fault"], count: int = 0) -> str:
    shown = [f"{path.name}: {fault}" for fault in faults]
    if count > len(faults):
        shown.append(f"{path.name}: and {count - len(faults)} more")
    return "\n".join([*head, *shown])


def audit_verify(arguments: argparse.Namespace) -> int:
    """Compute both chains anew."""
    with _office(arguments) as office:
        verdicts = office.verified()
    broken = False
    for name, verdict in verdicts.items():
        if verdict.broken is None:
            print(f"{name}: {verdict.rows} rows, whole, head {verdict.head}")
        else:
            broken = True
            print(f"{name}: broken at row {verdict.broken}; whole before it, head {verdict.head}")
    return FAILED if broken else 0


def audit_list(arguments: argparse.Namespace) -> int:
    """Show the audit log."""
    with _office(arguments) as office:
        entries = office.audit_entries(arguments.limit)
    _print_lines(entries, as_json=arguments.json)
    return 0
