"""The OpenID provider of tests/e2e/oidc as a process, and its token endpoint."""
import base64
import json
import ssl
import subprocess
import urllib.parse
import urllib.request

from rig.process import ROOT, Process


class Provider:
    def __init__(self, folder, authority, clients):
        self.authority, self.clients = authority, clients
        certificate, key = authority.server('provider')
        setup = {'port': 0, 'cert': str(certificate), 'key': str(key), 'clients': clients}
        self.process = Process(['node', ROOT / 'tests/e2e/oidc/server.mjs', json.dumps(setup)], folder / 'provider.log',
                               stdin=subprocess.PIPE)
        self.process.expect(lambda: 'ready https' in self.process.text(), 20, 'the ready line')
        self.issuer = next(l.split()[1] for l in self.process.text().splitlines() if l.startswith('ready https'))
        self.context = ssl.create_default_context(cafile=str(authority.ca))

    def _post(self, path, body, headers=None):
        request = urllib.request.Request(self.issuer + path, data=body, headers=headers or {})
        with urllib.request.urlopen(request, context=self.context, timeout=10) as answer:
            return json.loads(answer.read())

    def token(self, client, resource='urn:keyward'):
        login = base64.b64encode(f'{client}:{self.clients[client]["secret"]}'.encode()).decode()
        body = urllib.parse.urlencode({'grant_type': 'client_credentials', 'resource': resource}).encode()
        return self._post('/token', body, {'authorization': f'Basic {login}'})['access_token']

    def control(self, **wish):
        return self._post('/control', json.dumps(wish).encode())

    def config(self, alias='idp'):
        return {'alias': alias, 'issuer': self.issuer, 'audiences': ['keyward'], 'ca': str(self.authority.ca), 'internal': True}

    def stop(self):
        self.process.stop()
