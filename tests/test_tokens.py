"""Who a token says the caller is, and every way in which one is not believed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from kingpost.auth.keys import JoseKey, read_keys
from kingpost.auth.tokens import CACHED_MAX, TokenRules, identify_by_token, mint, token_rules
from kingpost.call import ANONYMOUS, Actor
from kingpost.errors import DeclarationError, Unauthenticated
from kingpost.observe import Event, IdentityRefused
from kingpost.settings import Secret, Settings, development_secret

SECRET = Secret("a development secret that is long enough")
RULES = TokenRules(read_keys(SECRET))
NOW = 1_750_000_000
GOOD = {"sub": "ann", "exp": NOW + 60}
RSA = RSAKey.generate_key(2048)
with pytest.warns(SecurityWarning):
    WEAK = RSAKey.generate_key(1024).as_pem(private=False).decode()
PAIRS: dict[str, JoseKey] = {
    "RS256": RSA,
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "Ed25519": OKPKey.generate_key("Ed25519"),
}


def signed(claims: object, header: object = None, secret: str = SECRET.reveal()) -> str:
    """A token made by hand, so that nothing in it is checked on the way; `claims` may be bytes."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    head = header if isinstance(header, bytes) else json.dumps(header or {"alg": "HS256"}).encode()
    whole = f"{encoded(head)}.{encoded(payload)}"
    return f"{whole}.{encoded(hmac.new(secret.encode(), whole.encode(), hashlib.sha256).digest())}"


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def who(token: str | None, rules: TokenRules = RULES, now: float = NOW) -> Actor:
    return identify_by_token(rules, clock=lambda: now)(token)


def refusal(token: str, rules: TokenRules = RULES, now: float = NOW) -> tuple[str, str]:
    """What the log hears and what the caller hears."""
    heard: list[Event] = []
    with pytest.raises(Unauthenticated) as caught:
        identify_by_token(rules, observer=heard.append, clock=lambda: now)(token)
    (event,) = heard
    assert isinstance(event, IdentityRefused)
    return event.reason, caught.value.message


def public(key: JoseKey) -> Secret:
    assert isinstance(key, RSAKey | ECKey | OKPKey)
    return Secret(key.as_pem(private=False).decode())


def test_no_credentials_are_nobody_in_particular() -> None:
    assert who(None) is ANONYMOUS


def test_a_minted_token_says_who_one_is() -> None:
    token = mint(SECRET, sub="ann", roles=["dispatcher", "dispatcher"], claims={"airline": "UA"}, clock=lambda: NOW)
    actor = who(token)
    assert (actor.id, actor.roles, actor.claims["airline"]) == ("ann", frozenset({"dispatcher"}), "UA")


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
def test_the_scheme_may_stand_before_it(scheme: str) -> None:
    assert who(scheme + signed(GOOD)).id == "ann"


def test_role_and_roles_add_up() -> None:
    assert who(signed({**GOOD, "role": "a", "roles": ["b", "c"]})).roles == {"a", "b", "c"}


def test_a_verified_token_is_not_verified_again_before_it_expires() -> None:
    times = iter([NOW, NOW + 60, NOW + 91])
    identify = identify_by_token(RULES, clock=lambda: next(times))
    token = signed(GOOD)
    assert identify(token) is identify(token)
    with pytest.raises(Unauthenticated):
        identify(token)


def test_the_memory_of_tokens_is_bounded() -> None:
    identify = identify_by_token(RULES, clock=lambda: NOW)
    first = identify(signed({**GOOD, "n": 0}))
    for number in range(1, CACHED_MAX + 1):
        identify(signed({**GOOD, "n": number}))
    assert identify(signed({**GOOD, "n": 0})) is not first


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({}, "it would never expire"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": math.inf}, "exp is no time"),
        ({"exp": math.nan}, "exp is no time"),
        ({**GOOD, "nbf": NOW + 31}, "not good yet"),
        ({**GOOD, "iat": NOW + 31}, "not good yet"),
        ({**GOOD, "iat": None}, "iat is no time"),
        ({**GOOD, "sub": 7}, "sub is no text"),
        ({**GOOD, "roles": "admin"}, "roles is no list"),
        ({**GOOD, "roles": [1]}, "a role is no text"),
        ({**GOOD, "role": ["admin"]}, "a role is no text"),
        (["admin"], "invalid_payload"),
        (b"\xff", "invalid_payload"),
        (b"[" * 3_000 + b"]" * 3_000, "unreadable: RecursionError"),
    ],
)
def test_a_signed_token_with_wrong_claims_is_refused(claims: object, reason: str) -> None:
    assert refusal(signed(claims))[0] == reason


@pytest.mark.parametrize("claims", [{"exp": NOW - 29}, {"exp": 10**400}, {**GOOD, "nbf": NOW + 29, "iat": NOW + 29.5}])
def test_clocks_may_differ_by_half_a_minute(claims: object) -> None:
    assert who(signed(claims)).id in {None, "ann"}


def test_the_caller_hears_no_reason_but_that_a_good_token_has_expired() -> None:
    heard = {refusal(token)[1] for token in (signed(GOOD, secret="x" * 32), "a.b.c", signed({**GOOD, "roles": 1}))}
    assert heard == {"the credentials are not valid"}
    assert refusal(signed({"exp": 0}))[1] == "the token has expired"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": None},
        {"typ": "JWT"},
        {"alg": "HS256", "crit": ["exp"], "exp": 1},
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
        {"alg": "HS256", "zip": "DEF", "crit": ["zip"]},
        b'{"alg":"HS256","x":' + b"[" * 2_500 + b"]" * 2_500 + b"}",
        b"\xff",
        b"7",
    ],
)
def test_the_key_fixes_the_algorithm_and_the_header_only_agrees(header: object) -> None:
    refusal(signed(GOOD, header))


def test_a_token_without_signature_is_refused() -> None:
    head, payload, _ = signed(GOOD, {"alg": "none"}).split(".")
    refusal(f"{head}.{payload}.")


def test_a_header_may_say_more_than_we_read() -> None:
    assert who(signed(GOOD, {"alg": "HS256", "x-of-an-issuer": 1, "jku": "https://evil.example"})).id == "ann"


@pytest.mark.parametrize("algorithm", PAIRS)
def test_a_public_key_verifies_its_own_algorithm(algorithm: str) -> None:
    rules = TokenRules(read_keys(public(PAIRS[algorithm])))
    token = jwt.encode({"alg": algorithm}, dict(GOOD), PAIRS[algorithm], algorithms=[algorithm])
    assert who(token, rules).id == "ann"


def test_ed25519_answers_to_its_old_name() -> None:
    rules = TokenRules(read_keys(public(PAIRS["Ed25519"])))
    with pytest.warns(UserWarning, match="EdDSA is deprecated"):
        token = jwt.encode({"alg": "EdDSA"}, dict(GOOD), PAIRS["Ed25519"], algorithms=["EdDSA"])
    assert who(token, rules).id == "ann"


def test_a_public_key_is_never_taken_for_an_hmac_secret() -> None:
    pem = public(RSA)
    refusal(signed(GOOD, secret=pem.reveal()), TokenRules(read_keys(pem)))


def test_of_a_key_set_the_key_of_the_tokens_id_counts() -> None:
    keys = [{**key.as_dict(private=False), "kid": name} for name, key in PAIRS.items() if name != "ES384"]
    rules = TokenRules(read_keys(Secret(json.dumps({"keys": keys}))))
    token = jwt.encode({"alg": "RS256", "kid": "RS256"}, dict(GOOD), RSA)
    assert who(token, rules).id == "ann"
    assert refusal(jwt.encode({"alg": "RS256", "kid": "ES256"}, dict(GOOD), RSA), rules)


def test_a_key_may_name_another_algorithm_of_its_type() -> None:
    rules = TokenRules(read_keys(Secret(json.dumps({**RSA.as_dict(private=False), "alg": "PS256"}))))
    assert who(jwt.encode({"alg": "PS256"}, dict(GOOD), RSA, algorithms=["PS256"]), rules).id == "ann"
    refusal(jwt.encode({"alg": "RS256"}, dict(GOOD), RSA), rules)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("short", "at least 32 bytes"),
        ('{"kty":"oct","k":"c2hvcnQ"}', "at least 32 bytes"),
        (WEAK, "at least 2048 bits"),
        (RSA.as_pem(private=True).decode(), "it is a private key"),
        (json.dumps(RSA.as_dict(private=True)), "it is a private key"),
        (json.dumps({**RSA.as_dict(private=False), "alg": "HS256"}), "'HS256' does not go with its type"),
        ('{"kty":"XYZ"}', "keys of type 'XYZ' are not taken"),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "it does not read as a key"),
        (ECKey.generate_key("secp256k1").as_pem(private=False).decode(), "keys on secp256k1 are not taken"),
        ("{", "it does not read as a key"),
        ('{"keys": 1}', "it does not read as a key"),
        ("[]" * 20 + "\x00", None),
    ],
)
def test_a_key_of_no_use_is_refused_at_start(text: str, said: str | None) -> None:
    if said is None:
        assert read_keys(Secret(text))[0].algorithms == ("HS256",)
        return
    with pytest.raises(DeclarationError, match="verification key is of no use") as caught:
        read_keys(Secret(text))
    assert said in caught.value.message
    assert text[30:60] not in str(caught.value) or len(text) <= 30


@pytest.mark.parametrize(("aud", "good"), [("api", True), (["x", "api"], True), ("other", False), (None, False)])
def test_a_token_for_another_audience_is_refused(aud: object, good: bool) -> None:
    rules = TokenRules(RULES.keys, audience="api")
    token = signed({**GOOD, "aud": aud})
    assert who(token, rules).id == "ann" if good else refusal(token, rules)[0] == "for another audience"


def test_a_token_from_another_issuer_is_refused() -> None:
    rules = TokenRules(RULES.keys, issuer="https://id.example")
    assert who(signed({**GOOD, "iss": "https://id.example"}), rules).id == "ann"
    assert refusal(signed(GOOD), rules)[0] == "from another issuer"


def test_without_a_key_no_token_is_believed() -> None:
    assert refusal(signed(GOOD), TokenRules(()))[0] == "no verification key is configured"


def test_a_token_has_a_length_at_most() -> None:
    assert refusal("Bearer " + "a" * 100_000)[0] == "longer than a token may be"


def test_other_schemes_are_refused() -> None:
    assert refusal("Basic YTpi")[0] == "another scheme than Bearer"


@given(st.text(max_size=200) | st.lists(st.binary(max_size=60).map(encoded), min_size=1, max_size=6).map(".".join))
@example("")
@example(" ")
@example("Bearer")
@example("ü.ü.ü")
@example("a.b.\ud800")
@example("....")
def test_no_text_at_all_is_more_than_refused(text: str) -> None:
    refusal(text)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_signed_bytes_are_more_than_refused(head: bytes, payload: bytes) -> None:
    refusal(signed(payload, head))


def test_in_development_the_folders_secret_counts_beside_the_configured_key(tmp_path: Path) -> None:
    settings = Settings(environment="development", data_folder=tmp_path, verification_key=public(RSA))
    rules = token_rules(settings)
    assert who(mint(development_secret(settings), sub="ann", clock=lambda: NOW), rules).id == "ann"
    assert who(jwt.encode({"alg": "RS256"}, dict(GOOD), RSA), rules).id == "ann"


def test_in_production_the_development_secret_does_not_count() -> None:
    assert token_rules(Settings(secret=SECRET)).keys == ()


def test_minting_refuses_a_claim_it_sets_itself() -> None:
    with pytest.raises(DeclarationError, match="'exp'"):
        mint(SECRET, claims={"exp": 0})
