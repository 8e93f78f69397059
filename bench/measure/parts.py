"""Runs the micro-benchmarks that have a goal: parts.py FOLDER-OF-BINARIES FIGURES.json adds them to the figures."""
import json
import subprocess
import sys
from pathlib import Path

WANTED = {'micro_command': 'analyse/(get|set)$', 'micro_policy': 'decide/(get|set)_last_entry$', 'micro_audit': '^Record(Set)?/.*batch:64'}


def measure(folder):
    out = {}
    for program, names in WANTED.items():
        file = Path(folder) / program
        if not file.exists():
            continue
        r = subprocess.run([str(file), f'--benchmark_filter={names}', '--benchmark_format=json', '--benchmark_repetitions=5',
                            '--benchmark_report_aggregates_only=true'], capture_output=True, text=True, timeout=120)
        if r.returncode:
            continue
        for b in json.loads(r.stdout)['benchmarks']:
            if b.get('aggregate_name') != 'median':
                continue
            name = b['run_name'].split('/iterations')[0]
            out[name] = b['per_record'] * 1e6 if 'per_record' in b else b['cpu_time']
    return out


if __name__ == '__main__':
    figures = Path(sys.argv[2])
    raw = json.loads(figures.read_text())
    raw['micro'] = measure(sys.argv[1])
    figures.write_text(json.dumps(raw, indent=1))
