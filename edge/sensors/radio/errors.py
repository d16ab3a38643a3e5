"""The errors of this room; they subclass `menkou.errors.MenkouFault`.

RadioFault
├── ProbesFault       a recording of probe requests cannot be read, or not to its end
└── CaptureFault      the interface cannot be listened to (now)
"""

from menkou.errors import MenkouFault


class RadioFault(MenkouFault):
    """Wi-Fi cannot be listened to, or a recording of it cannot be read."""


class ProbesFault(RadioFault):
    """A recording cannot be read, or not to its end; every frame before that was given."""


class CaptureFault(RadioFault):
    """An interface cannot be listened to now; `code` is the notice that people see."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
