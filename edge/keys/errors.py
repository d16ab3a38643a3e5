"""The errors of the box's keys. None of their texts holds a key or what it protects."""

from menkou.errors import MenkouFault


class KeyFault(MenkouFault):
    """A key cannot be used. Base of this package's errors."""


class KeyGone(KeyFault):
    """The key that the store was made with is not to be had; the box can still count."""


class KeyAway(KeyGone):
    """The key cannot be reached now, but later perhaps: ask again."""


class Unreadable(KeyFault):
    """Sealed bytes are damaged, or belong to another key, subject or purpose."""
