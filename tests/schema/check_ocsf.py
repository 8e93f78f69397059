#!/usr/bin/env python3
"""Validates audit lines against the official OCSF schema of the version each line names.

usage: check_ocsf.py FILE.jsonl...

The schemas come from PyPI's ocsf-json-schema, which carries OCSF 1.8.0 itself. Exit 1 when a line does not validate.
Beyond the schema: one JSON object a line, type_uid = class_uid * 100 + activity_id, and no attribute that the
pinned version calls deprecated.
"""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

OCSF_VERSION = "1.8.0"


class Checker:
    def __init__(self):
        self.schema = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=OCSF_VERSION))
        self.validators = {}

    def validator(self, class_uid, profiles):
        key = (class_uid, tuple(profiles))
        if key not in self.validators:
            name = self.schema.lookup_class_name_from_uid(class_uid)
            self.validators[key] = Draft202012Validator(self.schema.get_class_schema(name, list(profiles)))
        return self.validators[key]

    def problems(self, line):
        try:
            record = json.loads(line)
        except ValueError as error:
            return [f"no JSON: {error}"]
        metadata = record.get("metadata", {})
        if metadata.get("version") != OCSF_VERSION:
            return [f"metadata.version is {metadata.get('version')!r}, not {OCSF_VERSION!r}"]
        try:
            validator = self.validator(record.get("class_uid"), sorted(metadata.get("profiles", [])))
        except ValueError as error:
            return [str(error)]
        found = [f"/{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator.iter_errors(record)]
        if record.get("type_uid") != record.get("class_uid", 0) * 100 + record.get("activity_id", 0):
            found.append("type_uid is not class_uid * 100 + activity_id")
        deprecated = [name for name, rule in validator.schema["properties"].items() if rule.get("deprecated")]
        found += [f"{name} is deprecated" for name in deprecated if name in record]
        return found


def main(paths):
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    checker = Checker()
    lines = bad = 0
    classes = set()
    for path in paths:
        with open(path, "rb") as file:
            for number, raw in enumerate(file, 1):
                lines += 1
                problems = checker.problems(raw)
                if not problems:
                    classes.add(json.loads(raw)["class_uid"])
                    continue
                bad += 1
                for problem in problems:
                    print(f"{path}:{number}: {problem}")
    print(f"{lines} records, {bad} not valid; OCSF {OCSF_VERSION}, classes {sorted(classes)}")
    return 1 if bad or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
