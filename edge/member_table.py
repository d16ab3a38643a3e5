"""Which columns a CSV file of members has. Called by `edge.desk.intake`; calls `menkou.table`.

A column is named as a profile's field is, or as people call it in Chinese or English.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from edge.core.flaws import Flaws
from edge.core.profile import FIELDS, plain_id, read_profile
from menkou import table
from menkou.table import Columns, Sifted, plain_header

_NAMES: Final[Mapping[str, Sequence[str]]] = {
    "name": ("姓名", "名字", "会员姓名", "full name", "member name"),
    "called": ("称呼", "怎么称呼", "昵称", "salutation", "known as"),
    "external_id": ("会员号", "会员编号", "会员卡号", "卡号", "编号", "member number", "member id"),
    "tier": ("等级", "级别", "会员等级", "会员级别", "level"),
    "birthday": ("生日", "birth day"),
    "consultant": ("导购", "专属导购", "常联系的导购", "顾问", "own consultant"),
    "note": ("备注", "说明", "notes", "remark", "remarks"),
    "tags": ("标签", "tag"),
    "appointment_at": ("预约时间", "appointment", "appointment time"),
    "appointment_what": ("预约事项", "预约内容", "appointment for"),
    "repair_ready": ("维修待取", "待取", "可取维修", "ready to collect"),
    "last_purchase": ("上次购买", "最近购买", "last bought"),
    "last_purchase_on": ("上次购买日期", "最近购买日期", "last purchase date"),
    "last_visit_on": ("上次到店", "上次到店日期", "最近到店日期", "last visit"),
    "last_visit_shop": ("上次到店门店", "上次门店", "last shop"),
    "phone": (
        "手机",
        "手机号",
        "手机号码",
        "电话",
        "电话号码",
        "联系电话",
        "mobile",
        "phone number",
    ),
    "claimed_id": ("自填会员号", "claimed number"),
}
COLUMNS: Final = Columns(
    known=FIELDS,
    needed=("name",),
    key="external_id",
    plain=plain_id,
    check=lambda cells: _checked(cells),
    aliases={plain_header(name): field for field in FIELDS for name in (field, *_NAMES[field])},
)


def sift_members(raw: bytes) -> Sifted:
    """Return the rows of a table as profile texts by field; each of them is a sound profile.

    Raises:
        menkou.table.TableFault: no row can be told apart; no cell is repeated.
    """
    return table.sift(raw, COLUMNS)


def _checked(cells: Mapping[str, str]) -> tuple[Mapping[str, str], Sequence[str]]:
    try:
        read_profile(cells)
    except Flaws as exc:
        return cells, [str(flaw) for flaw in exc.flaws]
    return cells, ()
