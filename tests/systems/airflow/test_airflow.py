"""Real Apache Airflow with CeleryExecutor, broker and result backend through Keyward."""
from rig.foreign import all_refused, plant
from rig.probe import Probe
from rig.setting import ended_well, refused, team, who_did_what

WORKER = 'airflow-worker-1'


def test_what_is_foreign_stays_out(make_keyward, issuer, matrix):
    server = make_keyward(policies={'airflow.yaml': team('data', 'airflow-celery', {'worker': 'airflow'})}).start()
    token = issuer.token(WORKER, ['airflow'])
    key = plant(server.redis)
    with server.login(token, protocol=3) as client:
        tried = all_refused(client, ('SET', 'airflow:own', '1'), key)
    denied = refused(server)
    assert len(denied) == tried and {who for who, *_ in denied} == {WORKER}, denied[:3]
    assert (WORKER, 'SET') in who_did_what(server), who_did_what(server)
    matrix.cell('airflow', 'foreign', f'{tried} attempts refused, each recorded under {WORKER}; the connection went on')
    ended_well(server)


def test_round_trips_beside(make_keyward, issuer, direct, tmp_path):
    server = make_keyward(policies={'airflow.yaml': team('data', 'airflow-celery', {'worker': 'airflow'})}).start()
    token = issuer.token(WORKER, ['airflow'])
    through = Probe(tmp_path, server.port, server.authority, 'default', token, 'airflow:probe', 1).result()
    plain = Probe(tmp_path, direct.tls_port, server.authority, direct.user, direct.password, 'airflow:probe', 1).result()
    print(through, plain)
    assert through['count'] > 50 and plain['count'] > 50
