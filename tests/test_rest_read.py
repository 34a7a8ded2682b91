"""How REST splits a request into skeleton and values, and reads the skeleton into the algebra."""

from __future__ import annotations

import base64
import json

import pytest

from kingpost.api.rest.cursor import NEXT, decode_cursor, encode_cursor
from kingpost.api.rest.read import reader
from kingpost.api.rest.skeleton import split
from kingpost.errors import CallerError, Malformed, NotFound, TooLarge, UnknownName
from kingpost.model.expressions import (
    TRUE,
    Aggregated,
    And,
    Compare,
    Comparison,
    Expression,
    IsNull,
    Name,
    Not,
    Or,
    Slot,
)
from kingpost.model.types import INT
from kingpost.query.bind import bind
from kingpost.query.operations import Aggregate, Cursor, Group, Include, Operation, Order, Read
from tests.rest_manifest import MANIFEST

READ = reader(MANIFEST)


def ask(target: str) -> tuple[Operation, list[object]]:
    """The operation and the values of a target such as `flights?airline=UA`."""
    path, _, query = target.partition("?")
    skeleton, values = split(f"/v1/{path}", query.encode())
    return READ(skeleton)[0], values


def rows(target: str) -> Read:
    operation = ask(target)[0]
    assert isinstance(operation, Read)
    return operation


def group(target: str) -> Group:
    operation = ask(target)[0]
    assert isinstance(operation, Group)
    return operation


def compare(operator: Comparison, name: str, number: int) -> Compare:
    return Compare(operator, Name(tuple(name.split("."))), Slot(number, many=operator == "in"))


def refusal(target: str) -> CallerError:
    with pytest.raises(CallerError) as caught:
        ask(target)
    return caught.value


# --- Splitting -------------------------------------------------------------------------------------------------------


def test_values_are_taken_out_of_the_skeleton() -> None:
    skeleton, values = split("/v1/flights", b"airline=UA&departs_at[gte]=2013-07-01&sort=-number&limit=20")
    assert skeleton == ("rest", "list", "flights", "airline", "departs_at[gte]", "sort=-number", "limit")
    assert values == ["UA", "2013-07-01", "20"]


def test_other_values_make_the_same_skeleton() -> None:
    assert split("/v1/flights", b"airline=UA&limit=1")[0] == split("/v1/flights", b"airline=%C3%A9&limit=9")[0]


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (b"airline=a%20b", "a b"),
        (b"airline=a+b", "a b"),
        (b"airline=a%2Bb", "a+b"),
        (b"airline=", ""),
        (b"airline=a=b", "a=b"),
        (b"airline=%C3%A9", "é"),
        ("airline=é".encode(), "é"),
        (b"airline=%26%3D", "&="),
        (b"%61irline=x", "x"),
        (b"airline=%255B", "%5B"),
        (b"&airline=x&", "x"),
    ],
)
def test_values_are_decoded_as_a_form(query: bytes, value: str) -> None:
    assert split("/v1/flights", query) == (("rest", "list", "flights", "airline"), [value])


def test_brackets_may_be_encoded() -> None:
    assert split("/v1/flights", b"number%5Bgt%5D=5") == split("/v1/flights", b"number[gt]=5")


@pytest.mark.parametrize(
    "query",
    [b"a=%", b"a=%2", b"a=%zz", b"a=%+1", b"a=%ff", b"a=\xff", b"a", b"a&b=1", b"include%3Dorigin=x", b"%%5B41=1"],
)
def test_what_does_not_parse_is_refused(query: bytes) -> None:
    with pytest.raises(Malformed):
        split("/v1/flights", query)


def test_an_encoded_equals_sign_cannot_forge_a_shape() -> None:
    with pytest.raises(Malformed):
        split("/v1/flights", b"sort%3Dnumber=x")


def test_a_group_s_values_are_taken_out_too() -> None:
    skeleton, values = split(
        "/v1/flights", b'or=(number[gt]=5,and=(airline="a,""b",origin[in]=(JFK,"x,y")),number[is_null]=true)'
    )
    assert skeleton[3:] == ("or=(number[gt]=?,and=(airline=?,origin[in]=?),number[is_null]=true)",)
    assert values == ["5", 'a,"b', 'JFK,"x,y"']


@pytest.mark.parametrize(
    "text",
    [
        "",
        "()",
        "(a)",
        "(a=1",
        "(a=1))",
        "(a=1,)",
        "a=1",
        "(=1)",
        "(a=1)b",
        "(a=(1))",
        '(a="x)',
        '(a="x"y)',
        "(a[is_null]=?)",
    ],
)
def test_a_broken_group_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        split("/v1/flights", f"or={text}".encode())
    assert caught.value.where == "or"


@pytest.mark.parametrize("text", ["(a[in]=(" + '"' * 16_000, '(a="' + '"' * 16_001, "(a[in]=(" + '"",' * 5_000])
def test_an_unclosed_quote_is_refused_at_once(text: str) -> None:
    with pytest.raises(Malformed):
        split("/v1/flights", f"or={text}".encode())


def test_groups_are_bounded_in_depth_and_width() -> None:
    with pytest.raises(TooLarge):
        split("/v1/flights", b"or=" + b"(or=" * 8 + b"(a=1)" + b")" * 8)
    with pytest.raises(TooLarge):
        split("/v1/flights", b"or=(" + b",".join([b"a=1"] * 101) + b")")


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v1/" + "x" * 2_048, b""), ("/v1/flights", b"a=" + b"x" * 16_384), ("/v1/flights", b"&".join([b"a=1"] * 101))],
)
def test_what_is_too_large_is_refused_before_any_work(path: str, query: bytes) -> None:
    with pytest.raises(TooLarge):
        split(path, query)


def test_a_key_is_decoded_after_its_commas_are_split() -> None:
    assert split("/v1/seats/1,a%2Cb", b"") == (("rest", "get", "seats", "key=2"), ["1", "a,b"])
    assert split("/v1/airlines/UA", b"") == (("rest", "get", "airlines"), ["UA"])


@pytest.mark.parametrize("path", ["flights/", "flights/a/b", "nothing", "", "flight"])
def test_other_paths_are_not_found(path: str) -> None:
    assert isinstance(refusal(path), NotFound)


def test_a_misspelt_collection_gets_a_suggestion() -> None:
    assert refusal("flihgts").hint == "did you mean 'flights'?"


# --- Cursors ---------------------------------------------------------------------------------------------------------


def test_a_cursor_s_values_come_after_its_shape() -> None:
    cursor = encode_cursor("abc", NEXT, b'["2013-07-01",null,5]').decode()
    skeleton, values = split("/v1/flights", f"cursor={cursor}&number=7".encode())
    assert skeleton[3:] == ("cursor=n:010", "number")
    assert values == ["abc", "2013-07-01", 5, "7"]
    expected = Cursor(False, (Slot(1), None, Slot(2)), Slot(0))
    read = rows(f"flights?cursor={cursor}&number=7")
    assert (read.cursor, read.where) == (expected, compare("eq", "number", 3))


def test_a_cursor_leads_backward_too() -> None:
    read = rows(f"flights?cursor={encode_cursor('abc', b'p', b'[1]').decode()}")
    assert read.cursor == Cursor(True, (Slot(1),), Slot(0))


@pytest.mark.parametrize(
    "content",
    [
        "",
        "x",
        "{}",
        "[]",
        '["a","n"]',
        '["a","x",1]',
        '[1,"n",1]',
        '["a","n",[1]]',
        '["a","n",{}]',
        '["a","n",NaN]',
        "[" * 2_000,
    ],
)
def test_what_is_no_cursor_is_refused(content: str) -> None:
    text = base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")
    with pytest.raises(Malformed, match="is no cursor"):
        decode_cursor(text, "cursor")


@pytest.mark.parametrize("text", ["é", "a b", "====", "W10=", "a", "\ud800"])
def test_what_is_no_base64_is_no_cursor(text: str) -> None:
    with pytest.raises(Malformed, match="is no cursor"):
        decode_cursor(text, "cursor")


def test_a_cursor_is_bounded() -> None:
    with pytest.raises(TooLarge):
        decode_cursor("A" * 4_097, "cursor")
    keys = json.dumps(list(range(65))).encode()
    with pytest.raises(Malformed):
        decode_cursor(encode_cursor("a", NEXT, keys).decode(), "cursor")


# --- Reading rows ----------------------------------------------------------------------------------------------------


def test_a_list_without_parameters_asks_for_all_rows() -> None:
    assert ask("flights") == (Read("Flight"), [])


def test_one_row_is_asked_by_its_key() -> None:
    assert ask("airlines/UA") == (Read("Airline", key=(Slot(0),)), ["UA"])
    assert ask("seats/1,2A") == (Read("Seat", key=(Slot(0), Slot(1))), ["1", "2A"])


def test_a_key_with_another_number_of_parts_is_refused() -> None:
    assert isinstance(refusal("seats/1"), Malformed)
    assert "%2C" in (refusal("airlines/U,A").hint or "")


@pytest.mark.parametrize(
    "query", ["airline=UA", "limit=1", "sort=number", "count=exact", "group=airline", "or=(number=1)"]
)
def test_one_row_takes_no_filter_sort_or_page(query: str) -> None:
    assert refusal(f"flights/1?{query}").where == query.partition("=")[0]


def test_one_row_takes_fields_and_includes_with_their_pages() -> None:
    read = rows("airlines/UA?fields=name&include=flights&flights.limit=3")
    assert read.fields == ("name",)
    assert read.includes == (Include("flights", Read("", limit=Slot(1))),)


@pytest.mark.parametrize("operator", ["eq", "ne", "gt", "gte", "lt", "lte", "in", "like", "ilike", "contains"])
def test_each_operator_is_read(operator: Comparison) -> None:
    assert rows(f"flights?number[{operator}]=1").where == compare(operator, "number", 0)


def test_filters_are_all_to_hold() -> None:
    read = rows("flights?airline=UA&number[gt]=1&number[lt]=9")
    assert read.where == And((compare("eq", "airline", 0), compare("gt", "number", 1), compare("lt", "number", 2)))


def test_a_name_may_go_through_relations() -> None:
    assert rows("flights?origin.faa=JFK").where == compare("eq", "origin.faa", 0)
    assert rows("flights?seats.every.price[gt]=5").where == compare("gt", "seats.every.price", 0)


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("number[is_null]=true", IsNull(Name(("number",)))),
        ("number[is_null]=false", Not(IsNull(Name(("number",))))),
        ("origin.name[is_null]=false", Not(IsNull(Name(("origin", "name"))))),
        ("seats.price[is_null]=true", IsNull(Name(("seats", "price")))),
        ("seats.price[is_null]=false", Not(IsNull(Name(("seats", "every", "price"))))),
        ("seats.some.price[is_null]=false", Not(IsNull(Name(("seats", "every", "price"))))),
        ("seats.every.price[is_null]=false", Not(IsNull(Name(("seats", "some", "price"))))),
        ("seats.none.price[is_null]=false", IsNull(Name(("seats", "every", "price")))),
    ],
)
def test_null_is_asked_for_of_rows_behind_relations_too(filter_: str, expected: Expression) -> None:
    assert rows(f"flights?{filter_}").where == expected


def test_groups_nest() -> None:
    read = rows("flights?or=(airline=UA,and=(number[gt]=1,not=(origin=JFK,number=2)))&number=3")
    denied = Not(And((compare("eq", "origin", 2), compare("eq", "number", 3))))
    either = Or((compare("eq", "airline", 0), And((compare("gt", "number", 1), denied))))
    assert read.where == And((either, compare("eq", "number", 4)))


def test_rows_are_sorted_and_counted() -> None:
    read = rows("flights?sort=-departs_at,origin.name&count=exact&limit=5&fields=number,airline")
    assert read.sort == (Order(Name(("departs_at",)), descending=True), Order(Name(("origin", "name"))))
    assert (read.count, read.limit, read.fields) == ("exact", Slot(0), ("number", "airline"))


def test_includes_make_a_tree() -> None:
    read = rows("airlines?include=flights.origin,flights.seats")
    inner = Read("", includes=(Include("origin", Read("")), Include("seats", Read(""))))
    assert read.includes == (Include("flights", inner),)


def test_an_include_has_its_own_page_filter_sort_and_fields() -> None:
    target = (
        "airlines?flights.where.number[gt]=5&include=flights&flights.sort=-number&flights.limit=3"
        "&flights.fields=number&flights.where.or=(number=1,dep_delay=2)"
    )
    nested = rows(target).includes[0].read
    either = Or((compare("eq", "number", 2), compare("eq", "dep_delay", 3)))
    assert nested.where == And((compare("gt", "number", 0), either))
    assert nested.sort == (Order(Name(("number",)), descending=True),)
    assert (nested.limit, nested.fields) == (Slot(1), ("number",))


def test_an_include_has_its_own_cursor() -> None:
    cursor = encode_cursor("abc", NEXT, b'[5,"x"]').decode()
    nested = rows(f"airlines?include=flights&flights.cursor={cursor}").includes[0].read
    assert nested.cursor == Cursor(False, (Slot(1), Slot(2)), Slot(0))


@pytest.mark.parametrize(
    ("query", "kind", "where"),
    [
        ("airline=UA&airline=AA", Malformed, "airline"),
        ("airline=UA&airline[eq]=AA", Malformed, "airline"),
        ("sort=number&sort=airline", Malformed, "sort"),
        ("number[foo]=1", UnknownName, "number[foo]"),
        ("number[=1", Malformed, "number["),
        ("number[gt][lt]=1", Malformed, "number[gt][lt]"),
        ("[gt]=1", Malformed, "[gt]"),
        ("=1", Malformed, ""),
        ("a..b=1", Malformed, "a..b"),
        ("number[is_null]=yes", Malformed, "number"),
        ("count=all", Malformed, "count"),
        ("fields=", Malformed, "fields"),
        ("fields=number,number", Malformed, "fields"),
        ("fields=origin.name", Malformed, "fields"),
        ("sort=number,", Malformed, "sort"),
        ("sort=--number", Malformed, "sort"),
        ("include=origin,origin", Malformed, "include"),
        ("include=" + ".".join(["airline", "flights"] * 5), TooLarge, "include"),
        ("include=" + ",".join(f"a{number}" for number in range(51)), TooLarge, "include"),
        ("seats.limit=5", Malformed, "seats.limit"),
        ("inclde=origin", UnknownName, "inclde"),
        ("or=(number[foo]=1)", UnknownName, "or"),
    ],
)
def test_a_refusal_names_the_parameter(query: str, kind: type[CallerError], where: str) -> None:
    error = refusal(f"flights?{query}")
    assert (type(error), error.where) == (kind, where)


def test_a_misspelt_word_of_ours_gets_a_suggestion() -> None:
    assert refusal("flights?inclde=origin").hint == "did you mean 'include'?"
    assert refusal("flights?number[get]=1").hint == "did you mean 'gt'?"


def test_a_private_field_is_never_suggested() -> None:
    with pytest.raises(UnknownName) as caught:
        bind(ask("flights?audit_not=1")[0], MANIFEST)
    assert "audit_note" not in str(caught.value)


# --- Reading groups --------------------------------------------------------------------------------------------------


def test_rows_are_grouped_and_aggregated() -> None:
    read = group("flights?group=airline,origin.name&aggregate=count,avg:dep_delay&number[gt]=5")
    assert read.by == (Name(("airline",)), Name(("origin", "name")))
    assert read.aggregates == (Aggregate("count"), Aggregate("avg", Name(("dep_delay",))))
    assert read.where == compare("gt", "number", 0)


@pytest.mark.parametrize("written", ["{}", "({})"])
def test_buckets_are_narrowed_by_having(written: str) -> None:
    having = written.format("count[gt]=1000,or=(avg:dep_delay[lt]=5,max:dep_delay[is_null]=false)")
    operation, values = ask(f"flights?group=airline&having={having}")
    assert isinstance(operation, Group)
    count = Compare("gt", Aggregated("count", None, INT), Slot(0))
    average = Compare("lt", Aggregated("avg", Name(("dep_delay",)), INT), Slot(1))
    known = Not(IsNull(Aggregated("max", Name(("dep_delay",)), INT)))
    assert (operation.having, values) == (And((count, Or((average, known)))), ["1000", "5"])


def test_buckets_are_sorted_by_aggregates_and_paged() -> None:
    read = group("flights?group=airline&sort=-avg:dep_delay,count,airline&limit=3")
    assert read.sort == (
        Order(Aggregate("avg", Name(("dep_delay",))), descending=True),
        Order(Aggregate("count")),
        Order(Name(("airline",))),
    )
    assert (read.limit, read.having) == (Slot(0), TRUE)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("group=airline&fields=airline", "fields"),
        ("group=airline&include=origin", "include"),
        ("group=airline&seats.limit=5", "seats.limit"),
        ("group=", "group"),
        ("group=airline&aggregate=median:number", "aggregate"),
        ("group=airline&aggregate=avg:", "aggregate"),
        ("group=airline&having=airline[gt]=5", "having"),
        ("group=airline&having=", "having"),
        ("group=airline&sort=-", "sort"),
    ],
)
def test_a_wrong_grouped_read_names_the_parameter(query: str, where: str) -> None:
    assert refusal(f"flights?{query}").where == where


def test_what_is_read_can_be_bound() -> None:
    target = (
        "airlines?include=flights.seats&flights.limit=5&flights.where.number[gt]=3&flights.seats.sort=-price&sort=-name"
    )
    assert bind(ask(target)[0], MANIFEST).slots[0].where == "flights.where.number[gt]"
