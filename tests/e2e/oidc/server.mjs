// An OpenID provider on loopback for the tests: discovery, a JWKS that can rotate, client-credentials JWT access tokens.
//   node server.mjs '{"port": 0, "cert": "...", "key": "...", "clients": {"id": {"secret": "s", "groups": ["g"], "alg": "ES256"}}}'
// Prints one line `ready <issuer>`. POST /control with JSON: {"rotate": "add"|"replace"|"publish"|"use"|"retire"}: a new key that
// signs at once, alone or beside the old ones; one that is only published, one published earlier signs, those that signed before are gone.
// {"outage": "none"|"error"|"hang"}. Answers {"fetches": {"discovery": n, "jwks": n}, "kids": [...]}, the signing ones first. Ends when its standard input ends.
import { createServer } from 'node:https';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.env.KEYWARD_NODE_MODULES + '/');
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href)
  .then((m) => ({ Provider: m.Provider ?? m.default }));
const setup = JSON.parse(process.argv[2]);
const fetches = { discovery: 0, jwks: 0 };
let outage = 'none';
let current = [];
let coming = [];
let old = [];
let keys = [];
let provider;
let issuer;

function makeKeys() {
  const make = (type, options, alg) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: randomUUID(),
  });
  return [make('ec', { namedCurve: 'P-256' }, 'ES256'), make('rsa', { modulusLength: 2048 }, 'RS256')];
}

const rotations = {
  add() { old.push(...current); current = makeKeys(); },
  replace() { old = []; coming = []; current = makeKeys(); },
  publish() { coming.push(...makeKeys()); },
  use() { old.push(...current); current = coming.splice(0, 2); },
  retire() { old = []; },
};

function rebuild() {
  keys = [...current, ...coming, ...old];
  provider = new Provider(issuer, {
    jwks: { keys },
    clients: Object.entries(setup.clients).map(([id, client]) => ({
      client_id: id, client_secret: client.secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
    })),
    clientAuthMethods: ['client_secret_basic', 'client_secret_post'],
    extraTokenClaims: (_, token) => ({ groups: setup.clients[token.clientId]?.groups ?? [] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:keyward',
        useGrantedResource: () => true,
        // urn:keyward[:ttl:SECONDS], urn:other for a token that is meant for somebody else
        getResourceServerInfo: (_, resource, client) => ({
          scope: '',
          audience: resource.startsWith('urn:keyward') ? 'keyward' : 'somebody-else',
          accessTokenFormat: 'jwt',
          accessTokenTTL: Number(resource.match(/:ttl:(\d+)$/)?.[1] ?? 3600),
          jwt: { sign: { alg: setup.clients[client.clientId]?.alg ?? 'ES256' } },
        }),
      },
    },
  });
}

function control(request, response) {
  let body = '';
  request.on('data', (chunk) => { body += chunk; });
  request.on('end', () => {
    const wish = body ? JSON.parse(body) : {};
    if (wish.rotate) {
      rotations[wish.rotate]();
      rebuild();
    }
    if (wish.outage) outage = wish.outage;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ fetches, kids: keys.map((key) => key.kid) }));
  });
}

const server = createServer({ cert: readFileSync(setup.cert), key: readFileSync(setup.key) }, (request, response) => {
  if (request.url === '/control') return control(request, response);
  const keysAsked = request.url.startsWith('/jwks');
  const discoveryAsked = request.url.startsWith('/.well-known/');
  if (keysAsked) fetches.jwks += 1;
  if (discoveryAsked) fetches.discovery += 1;
  if (keysAsked || discoveryAsked) {
    if (outage === 'hang') return undefined;
    if (outage === 'error') { response.statusCode = 503; return response.end('down'); }
  }
  return provider.callback()(request, response);
});

server.listen(setup.port, '127.0.0.1', () => {
  issuer = `https://localhost:${server.address().port}`;
  current = makeKeys();
  rebuild();
  console.log(`ready ${issuer}`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
