"""Who a token says the caller is, and every way in which one is not believed."""

from __future__ import annotations

import json

from joserfc import jwt
from joserfc.jwk import ECKey, KeyBase, OctKey, OKPKey, RSAKey

from kingpost.auth.keys import read_keys
from kingpost.auth.tokens import TokenRules
from kingpost.settings import Secret

SECRET = Secret("a development secret of some length")
RULES = TokenRules(read_keys(SECRET))
NOW = 1_750_000_000.0
RSA = RSAKey.generate_key(2048)
KEYS: dict[str, tuple[str, KeyBase]] = {
    "RSA": ("RS256", RSA),
    "P-256": ("ES256", ECKey.generate_key("P-256")),
    "P-384": ("ES384", ECKey.generate_key("P-384")),
    "Ed25519": ("Ed25519", OKPKey.generate_key("Ed25519")),
}


def signed(claims: object, header: dict[str, object] | None = None, secret: str = SECRET.reveal()) -> str:
    """A token by hand, so that nothing is checked on the way."""
    parts = [_base64(json.dumps(part).encode()) for part in (header or {"alg": "HS256"}, claims)]
    key = OctKey.import_key(secret)
    whole = jwt.encode({"alg": "HS256"}, {}, key).rsplit(".", 1)
    assert whole
    import hashlib
    import hmac

    signature = hmac.new(secret.encode(), ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _base64(signature)])
