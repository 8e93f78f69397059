"""docs/schema/policy.schema.json: takes every policy file and template of the repository, and refuses bad ones."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / 'docs/schema/policy.schema.json').read_text())
BINARY = os.environ.get('KEYWARD_BIN', str(ROOT / 'build/release/keyward'))
FILES = sorted((ROOT / 'policies').rglob('*.yaml'))
EXAMPLES = [block for page in sorted((ROOT / 'docs').glob('*.md')) for block in
            re.findall(r'^```yaml\n(apiVersion: keyward/v1\n.*?)^```', page.read_text(), re.M | re.S)]


def problems(document):
    return [f'{"/".join(map(str, error.absolute_path))}: {error.message}'
            for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def grant(**more):
    base = {'name': 'g', 'who': [{'issuer': 'okta', 'groups': ['x']}], 'allow': [{'commands': ['get'], 'keys': ['a:*']}]}
    base.update(more)
    return {key: value for key, value in base.items() if value is not None}


def team(**more):
    base = {'apiVersion': 'keyward/v1', 'team': 't', 'grants': [grant()]}
    base.update(more)
    return {key: value for key, value in base.items() if value is not None}


def with_grant(**more):
    return team(grants=[grant(**more)])


def with_entry(**more):
    return with_grant(allow=[{'commands': ['get'], 'keys': ['a:*'], **more}])


def test_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA['$schema'] == 'https://json-schema.org/draft/2020-12/schema'


@pytest.mark.parametrize('path', FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_takes_the_files_of_the_repository(path):
    assert problems(yaml.safe_load(path.read_text())) == []


def test_there_are_files():
    assert len(FILES) >= 9
    assert len(EXAMPLES) >= 1


@pytest.mark.parametrize('text', EXAMPLES, ids=range(len(EXAMPLES)))
def test_takes_the_examples_of_the_documentation(text):
    assert problems(yaml.safe_load(text)) == []


@pytest.mark.parametrize('document', [
    with_grant(namespace='a:', scripts=['da39a3ee5e6b4b0d3255bfef95601890afd80709'], exact_prefix=True),
    with_grant(mode='observe'),
    with_grant(mode='enforce', break_glass=True),
    with_grant(lease={'scope': 'rights', 'mode': 'static'}),
    with_grant(credentials={'proxy': '1h', 'direct': '15m'}),
    with_grant(ttl={'require': True}),
    with_grant(ttl={'apply': '24h'}),
    with_grant(shared=True, limits={'bytes_per_second': '8MiB', 'pipeline': 100, 'output_buffer': 4096}),
    with_grant(template='bullmq', allow=None),
    with_grant(template={'name': 'bullmq', 'grant': 'worker', 'with': {'prefix': 'a:'}}, allow=None),
    with_entry(arguments={'config|get': ['max*'], 'info': 'server', 'sort': {'by': ['w:*'], 'get': 'o:*'},
                          'client|tracking': {'bcast': ['a:']}}),
    with_entry(read='b:*', write=['c:*'], channels=['a:*']),
    team(expect=[{'as': {'issuer': 'okta', 'claims': {'mfa': True}}, 'break_glass': True, 'allow': 'GET a:k', 'deny': ['GET b']}]),
])
def test_takes_every_word(document):
    assert problems(document) == []


@pytest.mark.parametrize('document', [
    team(apiVersion='keyward/v2'), team(apiVersion=None), team(team=None), team(team='no spaces'), team(grants=[]),
    team(owner=['x']), team(expect=[{'as': {'issuer': 'okta'}}]), team(expect=[{'as': {}, 'deny': ['GET a']}]),
    with_grant(name=None), with_grant(name='a b'), with_grant(who=None), with_grant(who=[]),
    with_grant(who=[{'groups': ['x']}]), with_grant(who=[{'issuer': 'okta'}]), with_grant(who=[{'issuer': 'okta', 'group': 'x'}]),
    with_grant(allow=None), with_grant(allow=[]), with_grant(allow=[{'keys': ['a:*']}]), with_grant(databases=[-1]),
    with_grant(namespace=''), with_grant(scripts=['da39a3ee5e6b4b0d3255bfef95601890afd80709']),
    with_grant(namespace='a:', scripts=['return 1']), with_grant(exact_prefix=True),
    with_grant(mode='observer'), with_grant(mode='observe', break_glass=True), with_grant(break_glass='yes'),
    with_grant(lease={'scope': 'all'}), with_grant(lease={}), with_grant(lease={'mod': 'static'}),
    with_grant(credentials={}), with_grant(credentials={'proxi': '1h'}), with_grant(credentials={'proxy': 3600}),
    with_grant(credentials={'proxy': '1h'}, break_glass=True), with_grant(credentials={'direct': '1h'}, mode='observe'),
    with_grant(credentials={'direct': '1h'}, ttl={'require': True}),
    with_grant(credentials={'direct': '1h'}, lease={'mode': 'static'}),
    with_grant(ttl={}), with_grant(ttl={'require': False}), with_grant(ttl={'require': True, 'apply': '1h'}),
    with_grant(ttl={'apply': '1 hour'}), with_grant(ttl='1h'),
    with_grant(limits={'connections': 0}), with_grant(limits={'max_valu': 3}), with_grant(limits={'session': 12}),
    with_grant(audit={'durability': 'sometimes'}), with_grant(template=['bullmq']), with_grant(template={'grant': 'worker'}),
    with_entry(keys=['']), with_entry(keys=['a b']), with_entry(key=['a']),
    with_entry(arguments={'get': ['x']}), with_entry(arguments={'sort': ['x']}), with_entry(arguments={'sort': {'bye': ['x']}}),
    with_entry(arguments={'config|get': []}),
    {'apiVersion': 'keyward/v1', 'template': 'x', 'description': 'x', 'grants': [{'name': 'a', 'allow': [{'commands': ['get']}]}]},
    {'apiVersion': 'keyward/v1', 'template': 'x', 'description': 'x', 'expect': [{'as': 'a', 'deny': ['PING']}],
     'grants': [{'name': 'a', 'who': [], 'allow': [{'commands': ['get']}]}]},
    {'apiVersion': 'keyward/v1', 'template': 'x', 'description': 'x', 'expect': [{'as': 'a', 'deny': ['PING']}],
     'parameters': {'p': {'kind': 'prefix', 'description': 'x'}}, 'grants': [{'name': 'a', 'allow': [{'commands': ['get']}]}]},
    [], None, 'text',
])
def test_refuses_bad_files(document):
    assert problems(document) != []


@pytest.mark.parametrize('verb', ['templates', 'template', 'schema'])
def test_every_verb_has_an_example(verb):
    ended = subprocess.run([BINARY, 'policy', verb, '--help'], capture_output=True, text=True, timeout=30)
    assert ended.returncode == 0 and 'Example' in ended.stdout and '--json' in ended.stdout


def test_is_the_schema_that_the_executable_prints():
    printed = subprocess.run([BINARY, 'policy', 'schema'], capture_output=True, text=True, check=True, timeout=30).stdout
    assert json.loads(printed) == SCHEMA
    for path in sorted((ROOT / 'policies/templates').glob('*.yaml')):
        shown = subprocess.run([BINARY, 'policy', 'template', path.stem], capture_output=True, text=True, check=True, timeout=30)
        assert shown.stdout == path.read_text()
    listed = subprocess.run([BINARY, 'policy', 'templates', '--json'], capture_output=True, text=True, check=True, timeout=30)
    assert [one['template'] for one in json.loads(listed.stdout)['templates']] == \
        [path.stem for path in sorted((ROOT / 'policies/templates').glob('*.yaml'))]
    unknown = subprocess.run([BINARY, 'policy', 'template', 'bulmq'], capture_output=True, text=True, timeout=30)
    assert unknown.returncode == 1
    assert "did you mean 'bullmq'?" in unknown.stderr
