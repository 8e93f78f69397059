"""An issuer whose keys stand in a JWKS file: makes good tokens and every kind of bad one."""
import base64
import json
import time
import uuid
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(data):
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(',', ':')).encode()
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def _number(value, size):
    return b64(value.to_bytes(size, 'big'))


class Issuer:
    def __init__(self, jwks_file, issuer='https://issuer.test', audience='keyward'):
        self.file, self.issuer, self.audience = Path(jwks_file), issuer, audience
        self.keys = {}
        self.new_keys()

    def new_keys(self):
        """Replaces all keys, also in the file."""
        self.keys = {f'es-{uuid.uuid4().hex[:8]}': ec.generate_private_key(ec.SECP256R1()),
                     f'rs-{uuid.uuid4().hex[:8]}': rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        scratch = self.file.with_suffix('.new')
        scratch.write_text(json.dumps({'keys': [self._jwk(kid, key) for kid, key in self.keys.items()]}))
        scratch.replace(self.file)

    @staticmethod
    def _jwk(kid, key):
        numbers = key.public_key().public_numbers()
        if kid.startswith('es'):
            return {'kty': 'EC', 'crv': 'P-256', 'use': 'sig', 'alg': 'ES256', 'kid': kid,
                    'x': _number(numbers.x, 32), 'y': _number(numbers.y, 32)}
        return {'kty': 'RSA', 'use': 'sig', 'alg': 'RS256', 'kid': kid,
                'n': _number(numbers.n, 256), 'e': _number(numbers.e, 3)}

    def claims(self, subject, groups=(), ttl=3600, **more):
        now = int(time.time())
        claims = {'iss': self.issuer, 'aud': self.audience, 'sub': subject, 'groups': list(groups), 'iat': now, 'nbf': now,
                  'exp': now + ttl, 'jti': uuid.uuid4().hex}
        claims.update(more)
        return {name: value for name, value in claims.items() if value is not None}

    def sign(self, claims, alg='ES256', header=None):
        kid = next(k for k in self.keys if k.startswith(alg[:2].lower()))
        head = {'alg': alg, 'typ': 'JWT', 'kid': kid}
        head.update(header or {})
        signed = f'{b64(head)}.{b64(claims)}'
        if alg == 'ES256':
            r, s = decode_dss_signature(self.keys[kid].sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        else:
            signature = self.keys[kid].sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f'{signed}.{b64(signature)}'

    def token(self, subject, groups=(), ttl=3600, alg='ES256', **more):
        return self.sign(self.claims(subject, groups, ttl, **more), alg)

    def token_of_length(self, length, subject, groups=()):
        """A valid token of exactly that many bytes."""
        claims = self.claims(subject, groups)
        for extra in range(4):  # base64 grows in uneven steps: two paddings reach every length
            header = {'x-pad': 'x' * extra}
            room = length - len(self.sign(dict(claims, pad=''), header=header))
            for pad in range(max(0, room * 3 // 4 - 4), room * 3 // 4 + 5):
                token = self.sign(dict(claims, pad='x' * pad), header=header)
                if len(token) == length:
                    return token
        raise AssertionError(f'no token of {length} bytes')
