"""Reads `models/manifest.toml`: which models there are, and whether a folder holds them whole.

Called by `edge.models.fetch`, `edge.model_cli`, `edge.app.faces` and the benches; calls
`menkou.settings` for faults with lines. A damaged entry takes none of the others away.
"""

import hashlib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator
from pydantic.dataclasses import dataclass

from menkou.errors import MenkouFault
from menkou.settings import STRICT, Fault, SettingsFault, build, read_toml

_IN_REPOSITORY: Final = Path(__file__).parents[2] / "models" / "manifest.toml"
_INSTALLED: Final = Path(sys.prefix) / "share" / "menkou" / "models" / "manifest.toml"
_CHUNK: Final = 1 << 20

State = Literal["with pip", "not fetched", "fetched", "damaged"]


class ModelFault(MenkouFault):
    """A model or its entry cannot be used. Base of this package's errors."""


def _matches(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"expected {what}, got {value!r}")
        return value

    return AfterValidator(check)


Name = Annotated[str, _matches(r"[a-z0-9][a-z0-9-]{0,40}", "small letters, digits and -")]
# Never a path: what is fetched lands in one folder.
FileName = Annotated[str, _matches(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,80}", "a plain file name")]
Digest = Annotated[str, _matches(r"[0-9a-f]{64}", "a sha256 in 64 small hex digits")]
Address = Annotated[str, _matches(r"https://[^\s/]+/\S+", "an address that begins with https://")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Model:
    """One model. It comes with a pip `package`, or is fetched from `source` as `file`.

    `bytes` is the file's size; a model that is no file of its own has neither size nor `sha256`.
    """

    name: Name
    purpose: str
    input: str
    licence: str
    package: str | None = None
    source: Address | None = None
    origin: str | None = None
    file: FileName | None = None
    sha256: Digest | None = None
    bytes: int | None = None

    def __post_init__(self) -> None:
        if (self.package is None) == (self.source is None):
            raise ValueError("expected either a package or a source")
        given = {self.file is None, self.sha256 is None, self.bytes is None}
        if len(given) > 1 or (self.source is not None and self.file is None):
            raise ValueError("expected file, sha256 and bytes together")
        if self.bytes is not None and self.bytes <= 0:
            raise ValueError(f"expected more than 0 bytes, got {self.bytes}")


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Manifest:
    """The entries that can be used, and what is wrong with the others."""

    models: tuple[Model, ...] = ()
    faults: tuple[Fault, ...] = field(default=())

    def of(self, name: str) -> Model:
        """Return the model of a name. Raises ModelFault when there is none."""
        for model in self.models:
            if model.name == name:
                return model
        known = ", ".join(model.name for model in self.models) or "none"
        raise ModelFault(f"model {name}: expected one of the manifest's ({known})")


def manifest_path() -> Path:
    """Where the manifest lies: in the checkout, else where pip has put it."""
    return _IN_REPOSITORY if _IN_REPOSITORY.is_file() else _INSTALLED


def read_manifest(path: Path | None = None) -> Manifest:
    """Read the manifest; a damaged entry is a fault in it, the others can be used.

    Raises:
        ModelFault: the file is missing, is not TOML, or holds no list of models.
    """
    path = path or manifest_path()
    try:
        raw, lines = read_toml(path)
    except SettingsFault as exc:
        raise ModelFault(f"{exc}; install menkou again") from exc
    entries = raw.get("model")
    if set(raw) != {"model"} or not isinstance(entries, list):
        raise ModelFault(f"{path}: expected a list of [[model]] and nothing else")
    models: dict[str, Model] = {}
    faults: list[Fault] = []
    for number, entry in enumerate(entries):
        own = {key[2:]: line for key, line in lines.items() if key[:2] == ("model", number)}
        start = lines.get(("model", number), 0)
        try:
            model = build(Model, _table(entry), path.name, own)
        except SettingsFault as exc:
            faults += [Fault(file=f.file, line=f.line or start, key=f.key, text=f.text)
                       for f in exc.faults]  # fmt: skip
            continue
        if model.name in models:
            faults.append(
                Fault(file=path.name, line=start, key="name", text=f"{model.name} stands twice")
            )
            continue
        models[model.name] = model
    return Manifest(models=tuple(models.values()), faults=tuple(faults))


def _table(entry: object) -> Mapping[str, Any]:
    return entry if isinstance(entry, dict) else {}


def state_of(model: Model, folder: Path) -> State:
    """Say whether a folder holds a model, whole. Raises ModelFault: it cannot be read."""
    if model.source is None or model.file is None:
        return "with pip"
    path = folder / model.file
    try:
        if not path.is_file():
            return "not fetched"
        return "fetched" if digest_of(path) == model.sha256 else "damaged"
    except OSError as exc:
        raise ModelFault(f"{path}: cannot be read: {exc.strerror}") from exc


def content(model: Model, folder: Path) -> bytes:
    """Return a fetched model's bytes, checked against the manifest.

    Raises:
        ModelFault: it is not there, cannot be read, or is not what the manifest names.
    """
    if model.source is None or model.file is None:
        raise ModelFault(f"model {model.name}: expected one that is fetched, got one from pip")
    path = folder / model.file
    try:
        data = path.read_bytes()
    except FileNotFoundError as exc:
        raise ModelFault(
            f"model {model.name}: expected {path}, found none; run menkou-edge models fetch"
        ) from exc
    except OSError as exc:
        raise ModelFault(f"{path}: cannot be read: {exc.strerror}") from exc
    found = hashlib.sha256(data).hexdigest()
    if found != model.sha256:
        raise ModelFault(
            f"{path}: expected the sha256 {model.sha256}, got {found}: the file is damaged or"
            " another one; run menkou-edge models fetch"
        )
    return data


def digest_of(path: Path) -> str:
    """Return a file's sha256 in hex. Raises OSError."""
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
