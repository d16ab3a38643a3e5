"""API: the manager's corner: today and what is usual, staff left out, drawings, health."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from edge.console.api.problems import Refused
from edge.console.api.route import Body, Id, Topic
from edge.core.drawing import CORNERS_MOST, Drawing
from edge.desk.corner import CornerDesk
from edge.desk.corner_view import CameraDrawing, Condition, LeftOutStaff, Today
from edge.store.tokens import Token
from edge.wire.checks import LABEL

CameraName = Annotated[str, StringConstraints(pattern=f"^{LABEL.pattern}$")]
Fraction = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]
Corner = Annotated[list[Fraction], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Corner], Field(max_length=CORNERS_MOST)]
Ends = Annotated[list[Corner], Field(min_length=2, max_length=2)]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class NewDrawing(Body):
    """What is drawn on a camera's picture; points are [across, down], fractions of it.

    `rev` is the revision that GET told: who draws upon another's is refused.
    """

    rev: Annotated[int, Field(ge=0, le=2**31)]
    line: Ends | None = None
    inside: Literal["above", "below", "left", "right"] | None = None
    zone: Corners
    staff_zone: Corners


class FromFile(Body):
    """The revision that GET told."""

    rev: Annotated[int, Field(ge=0, le=2**31)]


class Shift(Body):
    """How many of a shift came in today from one time of the shop's day to another."""

    begins: Clock
    ends: Clock
    count: Annotated[int, Field(ge=1, le=50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How the box's parts are, the worst first."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cameras:
    """The cameras and what is drawn on their pictures."""

    cameras: tuple[CameraDrawing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmptyScene:
    """The empty scene before a camera: a small JPEG in base64, with nobody in it."""

    jpeg: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffAsked:
    """How many visits the eyes were asked to revise; fewer than said where fewer came in."""

    asked: int


def corner_api(desk: CornerDesk) -> Topic:
    """Declare the topic."""
    topic = Topic("corner", "The manager's corner")

    @topic.get("/today", scope="read:shop")
    def today() -> Today:
        """Today beside what is usual on its weekday by this time.

        `usual` says which days it is compared with, and which are left out and why.
        """
        return desk.today()

    @topic.get("/health", scope="read:shop")
    def health() -> Conditions:
        """How cameras, parts, radio, uplink, disk and clock are, and since when."""
        return Conditions(parts=desk.health())

    @topic.get("/staff-left-out", scope="manage:shop")
    def staff_left_out() -> LeftOutStaff:
        """Staff who are in no figure of visitors today, and who came in without a name."""
        return desk.staff_today()

    @topic.post("/visits/<visit>/staff", scope="manage:shop", status=202)
    def was_staff(caller: Token, visit: Id) -> StaffAsked:
        """Say that a nameless visit of today was staff's; it is then no visitor's."""
        return StaffAsked(asked=int(desk.was_staff(visit, caller.actor, staff=True)))

    @topic.delete("/visits/<visit>/staff", scope="manage:shop")
    def was_guest(caller: Token, visit: Id) -> None:
        """Take back that a visit was staff's."""
        desk.was_staff(visit, caller.actor, staff=False)

    @topic.post("/shifts", scope="manage:shop", status=202, problems=("shift_hours",))
    def shift(caller: Token, body: Shift) -> StaffAsked:
        """Say how many of a shift came in during a time today: the first nameless visits then."""
        done = desk.shift(body.begins, body.ends, str(body.count), caller.actor)
        if not isinstance(done, int):
            raise Refused("shift_hours")
        return StaffAsked(asked=done)

    @topic.post("/badges", scope="write:desk", status=202)
    def badge(caller: Token) -> StaffAsked:
        """Take a badge that was scanned on coming in; it needs no name and no number.

        The nearest nameless crossing of the last 60 seconds was staff's.
        """
        return StaffAsked(asked=int(desk.badge(caller.actor)))

    _cameras(topic, desk)
    return topic


def _cameras(topic: Topic, desk: CornerDesk) -> None:
    def kept(name: str, drawing: Drawing | None, rev: int, caller: Token) -> CameraDrawing:
        told = desk.draw(name, drawing, rev, caller.actor)
        if told == "unknown":
            raise Refused("not_found")
        if told == "moved":
            raise Refused("drawing_moved")
        if told != "kept":
            raise Refused("drawing_unfit", values={"flaws": ", ".join(told)})
        return found(name)

    def found(name: str) -> CameraDrawing:
        camera = desk.camera(name)
        if camera is None:
            raise Refused("not_found")
        return camera

    @topic.get("/cameras", scope="manage:shop")
    def cameras() -> Cameras:
        """The cameras and what is drawn on their pictures."""
        return Cameras(cameras=desk.cameras())

    @topic.get("/cameras/<camera>/empty", scope="manage:shop")
    def empty(camera: CameraName) -> EmptyScene:
        """The empty scene before a camera, coarse, with nobody in it; none while it is learnt."""
        jpeg = desk.picture(camera)
        if jpeg is None:
            raise Refused("not_found")
        return EmptyScene(jpeg=b64encode(jpeg).decode())

    @topic.post(
        "/cameras/<camera>/drawing",
        scope="manage:shop",
        problems=("drawing_moved", "drawing_unfit"),
    )
    def draw(caller: Token, camera: CameraName, body: NewDrawing) -> CameraDrawing:
        """Draw line, zone and staff zone anew, all of them; counted by within seconds."""
        ends = [(x, y) for x, y in body.line or []]
        drawing = Drawing(
            line=(ends[0], ends[1]) if ends else None,
            inside=body.inside,
            zone=tuple((x, y) for x, y in body.zone),
            staff_zone=tuple((x, y) for x, y in body.staff_zone),
        )
        return kept(camera, drawing, body.rev, caller)

    @topic.post("/cameras/<camera>/from-file", scope="manage:shop", problems=("drawing_moved",))
    def from_file(caller: Token, camera: CameraName, body: FromFile) -> CameraDrawing:
        """Let the settings file say line, zone and staff zone again."""
        return kept(camera, None, body.rev, caller)
