"""How values pass between Python and PostgreSQL where the driver's own way is not ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import msgspec

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


async def set_codecs(connection: asyncpg.Connection[Any]) -> None:
    """Set them on a new connection; none of these asks the server.

    JSON comes as bytes and stays so. The driver sends the first and the last date and datetime that Python knows as
    infinities, which they are not.
    """
    await connection.set_builtin_type_codec("json", schema="pg_catalog", codec_name="bytea", format="binary")
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=_encode_jsonb, decoder=_decode_jsonb, format="binary"
    )
    await connection.set_type_codec(
        "timestamptz", schema="pg_catalog", encoder=_encode_datetime, decoder=_decode_datetime, format="tuple"
    )
    await connection.set_type_codec(
        "date", schema="pg_catalog", encoder=_encode_date, decoder=_decode_date, format="tuple"
    )


_encoder = msgspec.json.Encoder(decimal_format="number")


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + _encoder.encode(value)


def _decode_jsonb(value: bytes) -> object:
    return msgspec.json.decode(value[1:])


def _encode_datetime(value: datetime) -> tuple[int]:
    return ((value - _EPOCH) // _MICROSECOND,)


def _decode_datetime(value: tuple[int]) -> datetime:
    return _EPOCH + timedelta(microseconds=value[0])


def _encode_date(value: date) -> tuple[int]:
    return (value.toordinal() - _EPOCH_DAY,)


def _decode_date(value: tuple[int]) -> date:
    return date.fromordinal(value[0] + _EPOCH_DAY)
