"""API: who uses a token, and who works in the shop; when guests are offered something."""

from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.console.devices import DeviceDesk
from edge.core.stay import LEAST_MINUTES, MOST_MINUTES
from edge.desk.staff import PIN_DIGITS, Chosen, StaffDesk
from edge.desk.staff import Refused as Unfit
from edge.store.devices import NAME_CHARS_MAX
from edge.store.staff import Person, StaffRole
from edge.store.tokens import Token

_LEAST, _MOST = PIN_DIGITS
Name = Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARS_MAX)]
Pin = Annotated[str, StringConstraints(pattern=rf"^([0-9]{{{_LEAST},{_MOST}}})?$")]
Minutes = Annotated[int, Field(ge=LEAST_MINUTES, le=MOST_MINUTES)]
_NOT_CHOSEN: Final[dict[Chosen, str]] = {
    "gone": "no_such_person",
    "pin_needed": "pin",
    "pin_none": "pin",
    "pin_wrong": "pin",
    "pin_locked": "pin_locked",
}
_UNFIT: Final[dict[Unfit, str]] = {
    "name": "invalid",
    "role": "invalid",
    "pin": "invalid",
    "minutes": "minutes",
    "gone": "no_such_person",
}


class Chooses(Body):
    """Who uses the token from now on; `pin` if several people share it."""

    staff: Id
    pin: Pin = ""


class Alerts(Body):
    """How the screen of the token makes itself heard."""

    sound: bool
    vibration: bool


class NewPerson(Body):
    """Somebody who works here. Without a `pin` they cannot choose themselves on shared devices."""

    name: Name
    role: StaffRole
    pin: Pin = ""


class NewName(Body):
    """What somebody is to be called."""

    name: Name


class NewPin(Body):
    """Another PIN; empty: none."""

    pin: Pin


class Share(Body):
    """Whether several people share a device."""

    shared: bool


class StayTimes(Body):
    """After how many minutes guests are offered tea, and a meal, which is later; null: never."""

    tea: Minutes | None
    meal: Minutes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoAmI:
    """Who uses the token, null: nobody yet. `must_choose`: say so before you claim a guest."""

    person: Person | None
    must_choose: bool
    shared: bool
    sound: bool
    vibration: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Who works here, by name."""

    people: tuple[Person, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """After how many minutes guests are offered tea, and a meal; null: never."""

    tea: int | None
    meal: int | None


def people_api(desk: StaffDesk, devices: DeviceDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("people", "Who uses a token, who works here, when guests are offered something")

    def told(actor: str) -> WhoAmI:
        me = desk.me(actor)
        return WhoAmI(
            person=me.person,
            must_choose=me.must_choose,
            shared=me.setting.shared,
            sound=me.setting.sound,
            vibration=me.setting.vibration,
        )

    @topic.get("/me", scope="write:desk")
    def who_am_i(caller: Token) -> WhoAmI:
        """Who uses this token: in whose name guests are greeted and notes written."""
        return told(caller.actor)

    @topic.post("/me", scope="write:desk", problems=("no_such_person", "pin", "pin_locked"))
    def choose_me(caller: Token, body: Chooses) -> WhoAmI:
        """Say who uses this token from now on; rights stay the token's."""
        outcome = desk.choose(caller.actor, body.staff, body.pin)
        if outcome != "chosen":
            raise Refused(_NOT_CHOSEN[outcome])
        return told(caller.actor)

    @topic.delete("/me", scope="write:desk")
    def leave_me(caller: Token) -> None:
        """Let this token be nobody's."""
        desk.leave(caller.actor)

    @topic.post("/me/alerts", scope="write:desk")
    def set_alerts(caller: Token, body: Alerts) -> WhoAmI:
        """Set how the screen of this token makes itself heard."""
        desk.set_alerts(caller.actor, sound=body.sound, vibration=body.vibration)
        return told(caller.actor)

    @topic.get("/staff", scope="write:desk")
    def staff() -> People:
        """Who works here."""
        return People(people=desk.everybody())

    @topic.post("/staff", scope="manage:desk", status=201)
    def add_person(caller: Token, body: NewPerson) -> People:
        """Add somebody; who works here now is answered."""
        _sound(desk.add(body.name, body.role, body.pin, caller.actor))
        return People(people=desk.everybody())

    @topic.post("/staff/<person>/name", scope="manage:desk", problems=("no_such_person",))
    def rename_person(caller: Token, person: Id, body: NewName) -> None:
        """Call somebody something else; what they did before stays theirs."""
        _sound(desk.rename(person, body.name, caller.actor))

    @topic.post("/staff/<person>/pin", scope="manage:desk", problems=("no_such_person",))
    def set_pin(caller: Token, person: Id, body: NewPin) -> None:
        """Give somebody another PIN, or none; if it was locked, it is not any more."""
        _sound(desk.set_pin(person, body.pin, caller.actor))

    @topic.delete("/staff/<person>", scope="manage:desk")
    def end_person(caller: Token, person: Id) -> None:
        """Note that somebody works here no more; twice does no harm."""
        desk.end(person, caller.actor)

    @topic.post("/devices/<device>/shared", scope="manage:devices")
    def share_device(caller: Token, device: Id, body: Share) -> None:
        """Say whether several people share a device, which then asks for a PIN."""
        if all(one.id != device for one in devices.devices().paired(devices.now())):
            raise Refused("not_found")
        desk.share(device, shared=body.shared, actor=caller.actor)

    @topic.get("/stay", scope="read:shop")
    def stay_times() -> Offered:
        """After how many minutes guests are offered something."""
        found = desk.thresholds()
        return Offered(tea=found.tea, meal=found.meal)

    @topic.post("/stay", scope="manage:desk", problems=("minutes",))
    def set_stay_times(caller: Token, body: StayTimes) -> Offered:
        """Set after how many minutes guests are offered something."""
        tea, meal = ("" if one is None else str(one) for one in (body.tea, body.meal))
        _sound(desk.set_thresholds(tea, meal, caller.actor))
        return stay_times()

    return topic


def _sound(problem: Unfit | None) -> None:
    if problem is not None:
        raise Refused(_UNFIT[problem])
