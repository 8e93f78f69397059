"""The shipped templates: a team's file takes each over in a line, their cases hold, and Redis agrees with what they compile to."""
import json
import shlex

import pytest
import yaml

from rig.keyward import run
from rig.process import ROOT
from rig.resp import RespError

TEMPLATES = sorted((ROOT / 'policies/templates').glob('*.yaml'))
# Answered by the proxy, or (PSUBSCRIBE) made known to Redis when it is asked for.
NOT_REDIS = {'INFO', 'CLIENT', 'SELECT', 'HELLO', 'QUIT', 'PSUBSCRIBE'}


def filled(text, values):
    for name, value in values.items():
        text = text.replace('{' + name + '}', value)
    return text


def policy_of(path, folder):
    """A folder with a team that takes every grant of the template; answers its grants and its filled cases."""
    template = yaml.safe_load(path.read_text())
    parameters = template.get('parameters', {})
    values = {name: one.get('default', one.get('example')) for name, one in parameters.items()}
    required = {name: values[name] for name, one in parameters.items() if one.get('required')}
    cases = [{'as': case['as'], **{side: [filled(line, values) for line in case[side]] for side in ('allow', 'deny')}}
             for case in template['expect']]
    grants = [{'name': f'team-{grant["name"]}', 'who': [{'issuer': 'okta', 'subject': grant['name']}],
               'template': {'name': template['template'], 'grant': grant['name'], 'with': required}}
              for grant in template['grants']]
    document = {'apiVersion': 'keyward/v1', 'team': 'team', 'owners': ['team@example.com'], 'grants': grants,
                'expect': [dict(case, **{'as': {'issuer': 'okta', 'subject': case['as']}}) for case in cases]}
    (folder / 'team.yaml').write_text(json.dumps(document))  # JSON is YAML
    return [grant['name'] for grant in grants], cases


@pytest.mark.parametrize('path', TEMPLATES, ids=lambda path: path.stem)
def test_the_cases_of_a_template_hold(path, tmp_path):
    grants, cases = policy_of(path, tmp_path)
    tested = run('policy', 'test', tmp_path, '--json')
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert not run('check', tmp_path).stderr
    assert len(cases) == len(grants)
    assert all(len(case['allow']) + len(case['deny']) >= 10 for case in cases)


@pytest.mark.parametrize('path', TEMPLATES, ids=lambda path: path.stem)
def test_redis_lets_the_user_of_a_template_do_what_the_template_allows(path, tmp_path, redis_server):
    """Every allowed line of the cases, by ACL DRYRUN; and the user cannot do what none of them is for."""
    _, cases = policy_of(path, tmp_path)
    with redis_server.admin() as admin:
        for case in cases:
            shown = run('policy', 'acl', '--policies', tmp_path, '--grant', f'team-{case["as"]}', '--json')
            rules = json.loads(shown.stdout)['grants'][0]['rules']
            words = [rule.encode('latin-1') for rule in rules]
            assert admin('ACL', 'SETUSER', 'template', 'reset', 'on', 'nopass', *words) == b'OK'
            asked = 0
            for line in case['allow']:
                words = [word.encode().decode('unicode_escape').encode('latin-1') for word in shlex.split(line.replace('\\', '\\\\'))]
                if words[0].decode().upper() in NOT_REDIS:
                    continue
                answer = admin('ACL', 'DRYRUN', 'template', *words)
                assert answer == b'OK', (line, answer)
                asked += 1
            assert asked >= 1
            for foreign in (('GET', 'foreign:k'), ('SET', 'foreign:k', 'v'), ('FLUSHALL',), ('KEYS', '*'), ('CONFIG', 'GET', '*'),
                            ('PUBLISH', 'foreign', 'm'), ('EVAL', 'return 1', '1', 'foreign:k'), ('SCRIPT', 'FLUSH')):
                answer = admin('ACL', 'DRYRUN', 'template', *foreign)
                assert answer != b'OK' and not isinstance(answer, RespError), (foreign, answer)
