"""Data and results as JSON text: what goes in comes out, or is refused."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oxherd.domain.codec import MAX_DEPTH, MAX_PAYLOAD_BYTES, decode, encode
from oxherd.domain.errors import NotSerializable, PayloadTooLarge


@dataclass
class Point:
    x: int
    tags: tuple[str, ...] = ()


class Shape(msgspec.Struct):
    name: str
    corners: list[int]


class Model(pydantic.BaseModel):
    name: str
    when: dt.date


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (float("nan"), "data is nan"),
        (float("inf"), "data is inf"),
        ({"a": [1, {"b": float("-inf")}]}, "data.a[1].b"),
        (b"bytes", "bytes"),
        ({"a": bytearray(b"x")}, "data.a"),
        ({1, 2}, "set"),
        (dt.datetime(2027, 1, 1, tzinfo=dt.UTC), "datetime"),
        (decimal.Decimal("1.5"), "Decimal"),
        (object(), "object"),
        (lambda: None, "function"),
        (int, "type"),
        (1j, "complex"),
        ({1: "x"}, "has the key 1"),
        ({"a": {None: 1}}, "data.a has the key None"),
        ({("a", "b"): 1}, "keys must be text"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        (["fine", "\ud83d"], "data[1]"),
        (2**64, "64 bits"),
        (-(2**63) - 1, "64 bits"),
        (Point(x=float("nan")), "data.x"),  # type: ignore[arg-type] # that is what is tried
        (nested(MAX_DEPTH + 1), f"deeper than {MAX_DEPTH}"),
        (nested(100_000), f"deeper than {MAX_DEPTH}"),
    ],
)
def test_what_json_cannot_carry_is_refused_with_its_path(value: object, where: str) -> None:
    with pytest.raises(NotSerializable) as caught:
        encode(value, "data")
    assert where in str(caught.value)


def test_a_value_inside_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NotSerializable, match="deeper"):
        encode(value, "data")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        ([], "[]"),
        ({}, "{}"),
        ((1, "a"), '[1,"a"]'),
        ("ü🐂", '"ü🐂"'),
        (2**64 - 1, str(2**64 - 1)),
        (-(2**63), str(-(2**63))),
        (Point(1, ("a",)), '{"x":1,"tags":["a"]}'),
        (Shape("s", [1]), '{"name":"s","corners":[1]}'),
        (Model(name="m", when=dt.date(2027, 1, 2)), '{"name":"m","when":"2027-01-02"}'),
        ([Model(name="m", when=dt.date(2027, 1, 2))], '[{"name":"m","when":"2027-01-02"}]'),
    ],
)
def test_values_are_written_compactly(value: object, text: str) -> None:
    assert encode(value, "data") == text


def test_special_names_are_plain_data() -> None:
    value = {"__proto__": 1, "constructor": {"__class__": "x"}, "__init__": None}
    assert decode(encode(value, "data")) == value


def test_as_deep_as_allowed_is_allowed() -> None:
    assert decode(encode(nested(MAX_DEPTH), "data")) == nested(MAX_DEPTH)


@pytest.mark.parametrize(("size", "fits"), [(8, True), (9, False)])
def test_the_limit_counts_bytes_of_json(size: int, *, fits: bool) -> None:
    text = "ü" * ((size - 2) // 2) + "x" * (size % 2)
    if fits:
        assert len(encode(text, "data", 8).encode()) == 8
    else:
        with pytest.raises(PayloadTooLarge, match=r"9 bytes.*at most 8"):
            encode(text, "data", 8)


def test_without_a_limit_there_is_one() -> None:
    assert encode("x" * (MAX_PAYLOAD_BYTES - 2), "data")
    with pytest.raises(PayloadTooLarge):
        encode("x" * (MAX_PAYLOAD_BYTES - 1), "data")


def test_nothing_fits_into_no_bytes() -> None:
    with pytest.raises(PayloadTooLarge):
        encode([], "data", 0)


@pytest.mark.parametrize("text", ["", "{", "nul", "NaN", '"\xff', b"\xff", "[" * 100_000])
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(NotSerializable, match="not JSON"):
        decode(text)


texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=25,
)


@given(values)
def test_what_goes_in_comes_out(value: object) -> None:
    text = encode(value, "data")
    assert decode(text) == decode(text.encode()) == value
    assert json.loads(text) == value


@given(
    st.recursive(
        st.none() | st.floats() | st.binary() | st.text() | st.integers() | st.complex_numbers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.integers() | st.text(), inner),
        max_leaves=10,
    )
)
def test_anything_is_either_refused_or_comes_out_equal(value: object) -> None:
    try:
        text = encode(value, "data")
    except NotSerializable:
        return
    assert decode(text) == value
