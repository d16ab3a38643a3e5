"""Templates are compiled once a run of the tests, not once an app: half of what a page's test took.

Each test has an app of its own, and Jinja's own cache goes with the app.
"""

from types import CodeType

from flask import Flask
from jinja2 import BytecodeCache, Environment
from jinja2.bccache import Bucket


class Compiled(BytecodeCache):
    """Compiled templates by their file, their text and how the text is cut."""

    def __init__(self) -> None:
        self._codes: dict[tuple[object, ...], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take a template from those that some app has compiled."""
        bucket.code = self._codes.get(_key(bucket))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what an app has compiled."""
        assert bucket.code is not None
        self._codes[_key(bucket)] = bucket.code


def _key(bucket: Bucket) -> tuple[object, ...]:
    # `Bucket.key` tells the file; what an app's own settings change in the code must be told, too.
    of: Environment = bucket.environment
    return (bucket.key, bucket.checksum, of.trim_blocks, of.lstrip_blocks, of.autoescape)


def compile_once() -> None:
    """Let all apps of this process share what they compile."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": Compiled()}
