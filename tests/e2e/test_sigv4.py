"""The signer against AWS's own test suite, as botocore's source distribution carries it, and against botocore itself."""
import datetime
import hashlib
import random
import re
import subprocess
import sys
import tarfile
from importlib.metadata import version
from urllib.parse import parse_qsl, quote, unquote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from rig.process import ROOT

SOURCES = ['src/net/sigv4.cc', 'src/base/hash.cc']
ACCESS_KEY, SECRET_KEY = 'AKIDEXAMPLE', 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
MOMENT = datetime.datetime(2015, 8, 30, 12, 36, tzinfo=datetime.timezone.utc)
# What is signed here has one path, written by us: dot segments and doubled slashes never come to the signer, which
# does not take them out.
NOT_NORMAL = ['get-relative', 'get-relative-relative', 'get-slash', 'get-slash-dot-slash', 'get-slash-pointless-dot', 'get-slashes']


def spelled(text):
    return quote(text, safe='')


def listed(pairs):
    return '&'.join(f'{spelled(name)}={spelled(value)}' for name, value in pairs)


class Signer:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, method, host, path, query, headers, body, token='', region='us-east-1', service='service', moment=MOMENT,
                 access_key=ACCESS_KEY, secret_key=SECRET_KEY):
        fields = [spelled(method), spelled(host), spelled(path), listed(query), listed(headers),
                  hashlib.sha256(body).hexdigest(), spelled(access_key), spelled(secret_key), spelled(token), spelled(region),
                  spelled(service), str(int(moment.timestamp()))]
        self.process.stdin.write('\t'.join(fields) + '\n')
        self.process.stdin.flush()
        return {unquote(name): unquote(value) for name, value in
                (pair.split('=') for pair in self.process.stdout.readline().rstrip('\n').split('&'))}


@pytest.fixture(scope='module')
def signer(compiled):
    signer = Signer(compiled('sigv4_signer', [ROOT / source for source in SOURCES]))
    yield signer
    signer.process.stdin.close()
    assert signer.process.wait(10) == 0


@pytest.fixture(scope='module')
def suite():
    """The folder of the suite; kept between runs."""
    release = f'botocore-{version("botocore")}'
    folder = ROOT / '.cache' / 'sigv4' / release
    if not (folder / 'whole').exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, '-m', 'pip', 'download', '-q', '--no-deps', '--no-binary', ':all:', '-d', str(folder),
                        release.replace('-', '==')], check=True, timeout=300, stdin=subprocess.DEVNULL)
        archive, = folder.glob('*.tar.gz')
        with tarfile.open(archive) as packed:
            packed.extractall(folder, [m for m in packed.getmembers() if '/aws4_testsuite/' in m.name and (m.isfile() or m.isdir())
                                       and '..' not in m.name and m.name.startswith(release)])
        archive.unlink()
        (folder / 'whole').touch()
    return next(folder.glob('*/tests/unit/auth/aws4_testsuite'))


def read_request(text):
    """Method, path, query, headers and body of a request as it stands in a file of the suite."""
    head, _, body = text.partition('\n\n')
    lines = re.sub(r'\n[ \t]+', ' ', head).split('\n')
    method, target = lines[0].rsplit(' ', 1)[0].split(' ', 1)
    path, _, query = target.partition('?')
    headers = [tuple(line.split(':', 1)) for line in lines[1:] if line]
    return method, path, parse_qsl(query, keep_blank_values=True), headers, body.encode()


def test_the_suite_of_aws(signer, suite):
    checked, left_out = 0, []
    for file in sorted(suite.rglob('*.req')):
        method, path, query, headers, body = read_request(file.read_text().replace('\r', ''))
        canonical = file.with_suffix('.creq').read_text().replace('\r', '')
        if quote(path, safe='/-_.~%') != canonical.split('\n')[1]:
            left_out.append(file.stem)
            continue
        token = re.search('^x-amz-security-token:(.*)$', canonical, re.MULTILINE)
        ours = ('host', 'x-amz-date', 'x-amz-security-token')
        host = next(value for name, value in headers if name.lower() == 'host')
        signed = signer(method, host, quote(path, safe='/-_.~%'), query, [h for h in headers if h[0].lower() not in ours], body,
                        token.group(1) if token else '')
        assert signed['Authorization'] == file.with_suffix('.authz').read_text().strip(), file.stem
        checked += 1
    assert (checked, left_out) == (28, NOT_NORMAL)


def test_random_requests_are_signed_as_botocore_signs_them(signer):
    pick = random.Random(11)
    letters = 'aZ09-_.~ /+=&%?#:,;"\'<>{}[]\\|^`@!$*()é☃\U0001f600'
    for _ in range(2000):
        def word(most=12, of=letters, least=1):
            return ''.join(pick.choice(of) for _ in range(pick.randint(least, most)))
        method, host = pick.choice(['POST', 'PUT', 'GET']), word(10, 'abc09-') + '.' + pick.choice(['test', 'test:8443'])
        query = sorted({word(): word(least=0) for _ in range(pick.randint(0, 3))}.items())
        names = {word(8, 'abcdefgh-XYZ').strip('-').lower() or 'x' for _ in range(pick.randint(0, 4))}
        headers = [('X-' + name, word(10, 'ab "=;,  ').strip() or 'v') for name in names]
        body, token = word(200).encode(), pick.choice(['', word(40, 'aZ09/+=')])
        region, service = pick.choice(['eu-west-1', 'cn-north-1']), pick.choice(['states', 'events', 'execute-api'])
        moment = datetime.datetime.fromtimestamp(pick.randint(0, 2 ** 32), datetime.timezone.utc)
        secret = word(40, 'aZ09/+=')
        ours = signer(method, host, '/', query, headers, body, token, region, service, moment, secret_key=secret)

        auth = SigV4Auth(Credentials(ACCESS_KEY, secret, token or None), service, region)
        url = f'https://{host}/' + ('?' + '&'.join(f'{spelled(n)}={spelled(v)}' for n, v in query) if query else '')
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        request.context['timestamp'] = moment.strftime('%Y%m%dT%H%M%SZ')
        auth._modify_request_before_signing(request)
        canonical = auth.canonical_request(request)
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        assert ours['X-Amz-Date'] == request.headers['X-Amz-Date']
        assert ours.get('X-Amz-Security-Token', '') == token
        assert ours['Authorization'] == auth._inject_signature_to_request(request, signature).headers['Authorization'], canonical
