"""A Keycloak of its own: the distribution of Maven Central, a realm made at start, HTTPS on a free loopback port."""
import base64
import json
import os
import shutil
import ssl
import subprocess
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

from rig.process import ROOT, Process, free_port

VERSION = '26.0.8'  # the last line that runs on Java 17
ARTIFACT = f'org.keycloak:keycloak-quarkus-dist:{VERSION}:zip'


def distribution():
    """Its folder, below .cache of the repository. Maven gets it once."""
    place = ROOT / '.cache' / f'keycloak-{VERSION}'
    if not place.exists():
        packed = ROOT / '.cache/keycloak-zip'
        subprocess.run(['mvn', '-q', '-B', 'dependency:copy', f'-Dartifact={ARTIFACT}', f'-DoutputDirectory={packed}'], check=True,
                       timeout=600, stdout=subprocess.DEVNULL)
        with zipfile.ZipFile(packed / f'keycloak-quarkus-dist-{VERSION}.zip') as archive:
            archive.extractall(place.parent)
        shutil.rmtree(packed)
    return place


def client(name, *mappers):
    return {'clientId': name, 'secret': f'secret-of-{name}', 'enabled': True, 'protocol': 'openid-connect', 'publicClient': False,
            'serviceAccountsEnabled': True, 'standardFlowEnabled': False, 'directAccessGrantsEnabled': False,
            'protocolMappers': list(mappers)}


def audience(name):
    return {'name': name, 'protocol': 'openid-connect', 'protocolMapper': 'oidc-audience-mapper',
            'config': {'included.custom.audience': name, 'access.token.claim': 'true', 'id.token.claim': 'false'}}


def account(name, *roles):
    return {'username': f'service-account-{name}', 'enabled': True, 'serviceAccountClientId': name, 'realmRoles': list(roles)}


REALM = {
    'realm': 'prod', 'enabled': True, 'accessTokenLifespan': 60,
    'roles': {'realm': [{'name': 'app'}, {'name': 'nothing'}]},
    'clients': [client('worker', audience('keyward')), client('stranger', audience('keyward')), client('elsewhere')],
    'users': [account('worker', 'app'), account('stranger', 'nothing'), account('elsewhere', 'app')],
}


class Keycloak:
    def __init__(self, folder, authority):
        self.authority, self.port = authority, free_port()
        home = Path(folder) / 'keycloak'
        shutil.copytree(distribution(), home, symlinks=True)
        (home / 'data/import').mkdir(parents=True, exist_ok=True)
        (home / 'data/import/prod.json').write_text(json.dumps(REALM))
        certificate, key = authority.server('keycloak')
        environment = {'KC_BOOTSTRAP_ADMIN_USERNAME': 'admin', 'KC_BOOTSTRAP_ADMIN_PASSWORD': 'admin', 'JAVA_OPTS_APPEND': '-Xmx512m'}
        self.process = Process(['bash', home / 'bin/kc.sh', 'start-dev', '--import-realm', '--cache=local', '--http-enabled=false',
                                '--http-host=127.0.0.1', f'--https-port={self.port}', '--hostname=localhost',
                                f'--https-certificate-file={certificate}', f'--https-certificate-key-file={key}'],
                               Path(folder) / 'keycloak.log', env=environment)
        self.url = f'https://localhost:{self.port}'
        self.issuer = f'{self.url}/realms/prod'
        self.context = ssl.create_default_context(cafile=str(authority.ca))
        self.process.expect(self._answers, 240, 'an answer of Keycloak')

    def _answers(self):
        try:
            return self.get('/realms/prod/.well-known/openid-configuration')['issuer'] == self.issuer
        except OSError:
            return False

    def _open(self, request):
        with urllib.request.urlopen(request, context=self.context, timeout=20) as answer:
            return json.loads(answer.read() or b'null')

    def get(self, path, bearer=None):
        return self._open(urllib.request.Request(self.url + path, headers={'Authorization': f'Bearer {bearer}'} if bearer else {}))

    def post(self, path, body, bearer):
        return self._open(urllib.request.Request(self.url + path, json.dumps(body).encode(), {
            'Authorization': f'Bearer {bearer}', 'Content-Type': 'application/json'}))

    def _token(self, realm, form, headers=None):
        return self._open(urllib.request.Request(f'{self.url}/realms/{realm}/protocol/openid-connect/token',
                                                 urllib.parse.urlencode(form).encode(), headers or {}))['access_token']

    def token(self, name):
        login = base64.b64encode(f'{name}:secret-of-{name}'.encode()).decode()
        return self._token('prod', {'grant_type': 'client_credentials'}, {'Authorization': f'Basic {login}'})

    def new_key(self):
        """A key that signs from now on; the one before stays published."""
        admin = self._token('master', {'grant_type': 'password', 'client_id': 'admin-cli', 'username': 'admin', 'password': 'admin'})
        realm = self.get('/admin/realms/prod', admin)['id']
        self.post('/admin/realms/prod/components', {
            'name': f'key-{os.urandom(3).hex()}', 'providerId': 'rsa-generated', 'providerType': 'org.keycloak.keys.KeyProvider',
            'parentId': realm, 'config': {'priority': ['200'], 'enabled': ['true'], 'active': ['true'], 'algorithm': ['RS256']}}, admin)

    def config(self, alias='sso'):
        return {'alias': alias, 'profile': 'keycloak', 'issuer': self.issuer, 'audiences': ['keyward'], 'ca': str(self.authority.ca),
                'internal': True}

    def stop(self):
        self.process.stop(30)
