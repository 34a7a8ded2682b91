"""The statements of the floor, written by hand: one for each shape of request, each a whole answer in JSON.

What was measured to be fastest, on PostgreSQL 18: one database row for each item (aggregating them costs half as much
again); `row_to_json` over a LATERAL list, which becomes a plain row expression; lateral joins for what is included,
since scalar subqueries can be neither hashed nor memoized; the limit as a literal, since with a parameter the planner
expects a tenth of the table and plans anew each time; and the row filter on `airline` written on the side that is
already known (`$1 <> $3`, `a.carrier <> $1`), where it is checked once and not for each of 32,729 flights.
"""

from __future__ import annotations

from functools import cache

_KEYS = "f.id, f.airline, f.origin, f.dest, f.plane"
_INCLUDED = "f.id, a.j AS airline, o.j AS origin, d.j AS dest, p.j AS plane"
_REST = "f.tailnum, f.number, f.departs_at, f.dep_delay, f.status"

_AIRPORT = "y.faa, y.name, y.lat, y.lon FROM airport y WHERE y.faa"
_PLANE = "y.tailnum, y.manufacturer, y.model, y.seats FROM plane y WHERE y.tailnum"
_AIRLINE = "y.carrier, y.name FROM airline y WHERE y.carrier"


@cache
def one_flight(staff: bool) -> str:
    """A flight and its version: $1 its id, $2 the competitor."""
    return (
        f"SELECT row_to_json(r), f.version FROM flight f, LATERAL (SELECT {_fields(_KEYS, staff)}) r "
        "WHERE f.id = $1 AND f.airline <> $2"
    )


@cache
def flights(staff: bool, descending: bool, since: bool, included: bool, turned: str, limit: int) -> str:
    """Flights of an airline by departure: $1 the airline, $2 the competitor, then `since`, then the cursor's two keys.

    Args:
        staff: may see the remarks.
        descending: last departures first, as the client sees it.
        since: from a departure on.
        included: with airline, origin, dest and plane.
        turned: "" for the first page, "next" or "prev" for one that a cursor tells.
        limit: of rows read.
    """
    down = descending is not (turned == "prev")
    where = "f.airline = $1 AND $1 <> $2"
    if since:
        where += " AND f.departs_at >= $3"
    if turned:
        at = 4 if since else 3
        where += f" AND (f.departs_at, f.id) {'<' if down else '>'} (${at}, ${at + 1})"
    order = "f.departs_at DESC, f.id DESC" if down else "f.departs_at, f.id"
    page = f"WHERE {where} ORDER BY {order} LIMIT {limit}"
    if not included:
        return f"SELECT row_to_json(r) FROM flight f, LATERAL (SELECT {_fields(_KEYS, staff)}) r {page}"
    return (
        f"SELECT row_to_json(r) FROM (SELECT f.* FROM flight f {page}) f "
        f"{_join('a', f'{_AIRLINE} = f.airline')} {_join('o', f'{_AIRPORT} = f.origin')} "
        f"{_join('d', f'{_AIRPORT} = f.dest')} {_join('p', f'{_PLANE} = f.plane')}, "
        f"LATERAL (SELECT {_fields(_INCLUDED, staff)}) r ORDER BY {order}"
    )


@cache
def airlines(staff: bool, turned: str, limit: int, flights_limit: int, fingerprint: str) -> str:
    """Airlines by carrier, each with its first flights, each with its plane: $1 the competitor, $2 the cursor's key.

    One airline more than `limit` is read, but none of its flights; one flight more than `flights_limit` tells whether
    there is a cursor to give.
    """
    down = turned == "prev"
    where = f"WHERE a.carrier {'<' if down else '>'} $2" if turned else ""
    order = "a.carrier DESC" if down else "a.carrier"
    keys = f"json_build_array('{fingerprint}', 'next', x.k[{flights_limit}], x.i[{flights_limit}])::text"
    cursor = f"translate(encode(convert_to({keys}, 'UTF8'), 'base64'), E'+/=\\n', '-_')"
    body = _fields("f.id, f.airline, f.origin, f.dest, p.j AS plane", staff)
    return (
        f"SELECT row_to_json(t) FROM (SELECT a.*, row_number() OVER () AS n FROM "
        f"(SELECT a.carrier, a.name FROM airline a {where} ORDER BY {order} LIMIT {limit + 1}) a) a, "
        f"LATERAL (SELECT array_agg(z.j) AS j, array_agg(z.departs_at) AS k, array_agg(z.id) AS i FROM ("
        f"SELECT row_to_json(r) AS j, f.departs_at, f.id FROM (SELECT f.* FROM flight f WHERE f.airline = a.carrier "
        f"AND a.carrier <> $1 AND a.n <= {limit} ORDER BY f.departs_at, f.id LIMIT {flights_limit + 1}) f "
        f"{_join('p', f'{_PLANE} = f.plane')}, LATERAL (SELECT {body}) r ORDER BY f.departs_at, f.id) z) x, "
        f"LATERAL (SELECT a.carrier, a.name, coalesce(array_to_json(x.j[1:{flights_limit}]), '[]') AS flights, "
        f"CASE WHEN cardinality(x.i) > {flights_limit} THEN {cursor} END AS flights_next) t ORDER BY {order}"
    )


@cache
def delays_by_airline(limit: int) -> str:
    """Flights and mean delay of each airline: $1 the competitor, $2 the least number of flights, exclusive."""
    return (
        "SELECT row_to_json(r) FROM (SELECT f.airline, count(*) AS count, avg(f.dep_delay)::text AS avg_dep_delay "
        "FROM flight f WHERE f.airline <> $1 GROUP BY f.airline HAVING count(*) > $2 "
        f"ORDER BY avg(f.dep_delay) DESC NULLS LAST, f.airline DESC LIMIT {limit}) r"
    )


def _fields(keys: str, staff: bool) -> str:
    return f"{keys}, {_REST}, f.remarks" if staff else f"{keys}, {_REST}"


def _join(alias: str, source: str) -> str:
    return f"LEFT JOIN LATERAL (SELECT row_to_json(x) AS j FROM (SELECT {source}) x) {alias} ON true"
