"""Data and results ⇄ JSON text, strictly: what goes in comes out equal, or is refused."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, runtime_checkable

import msgspec

from oxherd.domain.errors import NotSerializable, PayloadTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    _Path = tuple["_Path", str | int | None] | None
    """A part's place: that of its container, and the step from there; None is the whole."""

MAX_DEPTH: Final = 100
"""How deep arrays and objects may nest."""

MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
"""The largest data or result, in UTF-8 bytes of JSON, unless `size_limit` says less."""

_INTEGERS: Final = range(-(2**63), 2**64)


@runtime_checkable
class _Model(Protocol):
    """A pydantic model, known by its method: pydantic is not imported."""

    def model_dump(self, *, mode: str) -> Any: ...


def encode(value: object, what: str, size_limit: int | None = None) -> str:
    """`value` as JSON text. Accepted: JSON values, tuples, enums, dataclasses, structs, models.

    Raises:
        NotSerializable: NaN, bytes, sets, dates, keys that are not text, lone surrogates, integers
            of more than 64 bits, nesting over `MAX_DEPTH`; the message has the path.
        PayloadTooLarge: more than `size_limit` (default `MAX_PAYLOAD_BYTES`) bytes.
    """
    if value is None:
        return "null"
    _check(value, what)
    text = _encoder.encode(value)
    limit = MAX_PAYLOAD_BYTES if size_limit is None else size_limit
    if len(text) > limit:
        raise PayloadTooLarge(f"{what} has {len(text)} bytes as JSON; at most {limit} are allowed")
    return text.decode()


def decode(text: str | bytes) -> Any:
    """The value of JSON text.

    Raises:
        NotSerializable: the text is not JSON.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotSerializable(f"not JSON: {error}") from error


def _check(root: object, what: str) -> None:
    stack: list[tuple[object, _Path, int]] = [(root, None, 0)]
    while stack:
        value, path, depth = stack.pop()
        kind = type(value)
        if kind is str:
            if not value.isascii():  # type: ignore[attr-defined]
                _check_text(value, what, path)  # type: ignore[arg-type]
        elif kind is bool or value is None:
            continue
        elif kind is int:
            if value not in _INTEGERS:
                _refuse(what, path, "has more than 64 bits; send it as text")
        elif kind is float:
            if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
                _refuse(what, path, f"is {value}, which JSON cannot carry")
        elif depth >= MAX_DEPTH:
            _refuse(what, path, f"nests deeper than {MAX_DEPTH} levels")
        else:
            below = depth + 1
            stack += [(item, (path, at), below) for at, item in _items(value, what, path)]


def _items(value: object, what: str, path: _Path) -> Iterable[tuple[str | int | None, object]]:
    """The parts of a container, each with its step of the path."""
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str:
                _refuse(what, path, f"has the key {key!r}; keys must be text")
            elif not key.isascii():
                _check_text(key, what, path)
        return value.items()
    if isinstance(value, (list, tuple)):
        return enumerate(value)
    if isinstance(value, msgspec.Struct):
        return [(name, getattr(value, name)) for name in value.__struct_fields__]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, enum.Enum):
        return [(None, value.value)]
    if not isinstance(value, _Model):
        _refuse(
            what,
            path,
            f"is a {type(value).__module__}.{type(value).__qualname__}; JSON has text, numbers,"
            " booleans, null, arrays and objects (dataclasses, structs and models are objects)",
        )
    return [(None, value.model_dump(mode="json"))]


def _check_text(text: str, what: str, path: _Path) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(what, path, "holds a lone surrogate, which is not text")


def _refuse(what: str, path: _Path, why: str) -> NoReturn:
    steps: list[str] = []
    while path is not None:
        path, step = path
        if step is not None:
            steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    raise NotSerializable(f"{what}{''.join(reversed(steps))} {why}")


def _as_model(value: _Model) -> Any:
    """What msgspec asks about an object that it does not know; `_check` let only models through."""
    return value.model_dump(mode="json")


_encoder: Final = msgspec.json.Encoder(enc_hook=_as_model)
_decoder: Final = msgspec.json.Decoder()
