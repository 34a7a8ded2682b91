"""Reads the keys that verify tokens: an HMAC secret, or public keys as PEM, JWK or JWK set.

The key fixes the algorithm (RFC 8725, 3.1 and 3.2); what a token's header claims only has to agree.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from kingpost.errors import DeclarationError
from kingpost.settings import Secret

HMAC_BYTES_MIN = 32  # RFC 7518, 3.2: as long as the hash
RSA_BITS_MIN = 2_048  # RFC 7518, 3.3

JoseKey: TypeAlias = OctKey | RSAKey | ECKey | OKPKey

# The first of each is what a key without `alg` stands for. Ed25519 has two names since RFC 9864.
_ALGORITHMS = {
    "oct": (("HS256",), ("HS384",), ("HS512",)),
    "RSA": (("RS256",), ("RS384",), ("RS512",), ("PS256",), ("PS384",), ("PS512",)),
    "P-256": (("ES256",),),
    "P-384": (("ES384",),),
    "P-521": (("ES512",),),
    "Ed25519": (("EdDSA", "Ed25519"),),
}
_TYPES: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key, the names of the one algorithm it is for, and its id if it has one."""

    key: JoseKey = field(repr=False)
    algorithms: tuple[str, ...]
    id: str | None = None


def read_keys(secret: Secret) -> tuple[VerificationKey, ...]:
    """The keys in a setting.

    Raises:
        DeclarationError: it is no key, too weak, of a kind we do not take, or private. It is never quoted.
    """
    text = secret.reveal().strip()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # what is weak we refuse ourselves
            if text.startswith("{"):
                found = json.loads(text)
                return tuple(_from_jwk(one) for one in found.get("keys", [found]))
            if text.startswith("-----BEGIN"):
                return (_from_pem(text),)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError) as error:
        # Without its cause: the libraries' messages may quote the key.
        raise _wrong(f"it does not read as a key ({type(error).__name__})") from None
    return (_from_hmac_secret(text),)


def _from_hmac_secret(text: str) -> VerificationKey:
    if len(text.encode()) < HMAC_BYTES_MIN:
        raise _wrong(f"an HMAC secret has at least {HMAC_BYTES_MIN} bytes", hint="openssl rand -base64 48 makes one")
    return VerificationKey(OctKey.import_key(text), _ALGORITHMS["oct"][0])


def _from_pem(text: str) -> VerificationKey:
    if "PRIVATE KEY" in text:
        raise _private()
    for kind in _TYPES.values():
        try:
            return _checked(kind.import_key(text), None, None)
        except JoseError:  # a key of another type
            continue
    raise _wrong("it is no RSA, EC or Ed25519 public key")


def _from_jwk(jwk: dict[str, Any]) -> VerificationKey:
    if jwk["kty"] == "oct":
        if len(jwk["k"].rstrip("=")) * 6 // 8 < HMAC_BYTES_MIN:
            raise _wrong(f"an HMAC secret has at least {HMAC_BYTES_MIN} bytes")
        return _checked(OctKey.import_key(jwk), jwk.get("alg"), jwk.get("kid"))
    if "d" in jwk:
        raise _private()
    if jwk["kty"] not in _TYPES:
        raise _wrong(f"keys of type {jwk['kty']!r} are not taken", hint="take RSA, EC, OKP or oct")
    return _checked(_TYPES[jwk["kty"]].import_key(jwk), jwk.get("alg"), jwk.get("kid"))


def _checked(key: JoseKey, algorithm: str | None, key_id: str | None) -> VerificationKey:
    family = key.curve_name if isinstance(key, ECKey | OKPKey) else key.key_type
    if family not in _ALGORITHMS:
        raise _wrong(f"keys on {family} are not taken", hint=f"take one of {', '.join(_ALGORITHMS)}")
    if isinstance(key, RSAKey) and key.public_key.key_size < RSA_BITS_MIN:
        raise _wrong(f"an RSA key has at least {RSA_BITS_MIN} bits")
    known = _ALGORITHMS[family]
    names = known[0] if algorithm is None else next((one for one in known if algorithm in one), None)
    if names is None:
        raise _wrong(f"algorithm {algorithm!r} does not go with its type, {family}")
    return VerificationKey(key, names, key_id)


def _wrong(reason: str, hint: str | None = None) -> DeclarationError:
    return DeclarationError(
        f"the verification key is of no use: {reason}",
        hint=hint or "give a PEM or JWK public key, or an HMAC secret",
    )


def _private() -> DeclarationError:
    return _wrong("it is a private key", hint="give only the public one, and keep this where tokens are signed")
