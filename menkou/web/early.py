"""What is refused before any route is asked: in words, under /api/ as a problem document.

Called by `server` and `app`. The shape is that of RFC 9457 with `code` and `remedy`, as the hub's
API has it for all that it refuses; the box's has the same members but these two.
"""

import json
from dataclasses import dataclass
from typing import Final

API: Final = "/api/"
PLAIN: Final = "text/plain; charset=utf-8"
PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Early:
    """A refusal. `words` are for people, in both languages; the rest is for programs."""

    status: int
    code: str
    words: str
    detail: str
    remedy: str

    def answer(self, path: str) -> tuple[str, str]:
        """Return the body for a path, and what kind of text it is."""
        if not path.startswith(API):
            return f"{self.words}\n", PLAIN
        told = {
            "type": f"urn:problem-type:menkou:{self.code}",
            "title": self.words,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "remedy": self.remedy,
        }
        return json.dumps(told, ensure_ascii=False), PROBLEM


BUSY: Final = Early(
    status=503,
    code="busy",
    words="Too many uploads just now / 上传太多，请稍候",
    detail="uploads: expected a few at a time, got more",
    remedy="send it again in a minute",
)
SLOW: Final = Early(
    status=408,
    code="too_slow",
    words="The request took too long / 请求耗时过长",
    detail="body: expected all of it within the time there is, got a part",
    remedy="send it again, with less at once",
)
NOT_HERE: Final = Early(
    status=421,
    code="not_here",
    words="This address is not served here / 此处不提供该地址",
    detail="Host: expected an address that is served here, got another",
    remedy="use the address that stands in the settings under [listen]",
)
FOREIGN: Final = Early(
    status=403,
    code="foreign",
    words="Not from another site / 不接受其他网站的请求",
    detail="Sec-Fetch-Site: expected this site or a program, got another site",
    remedy="ask from a program, not from a page of another site",
)


def too_large(most: int) -> Early:
    """Return the refusal of a body of more bytes than the path takes."""
    return Early(
        status=413,
        code="too_large",
        words=f"Larger than {most} bytes / 大于 {most} 字节",
        detail=f"body: expected at most {most} bytes, got more",
        remedy="send less at once",
    )
