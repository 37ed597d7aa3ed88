#!/usr/bin/python3
"""docs/schema/keys.schema.json against the program: what one takes of an allow list, the other takes too.

keys_schema.py SCHEMA DROVER
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import jsonschema

DROVER = sys.argv.pop()
SCHEMA = json.loads(pathlib.Path(sys.argv.pop()).read_text())
WHOLE = {"keys": [
    {"name": "ci", "key": "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID", "roles": ["submit"],
     "limits": {"jobs_per_second": 50, "queued": 1000, "message_kib": 64}, "names": ["web-*"], "labels": {"team": "web"}},
    {"name": "ops@example.org", "key": "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "roles": ["admin", "dispatch"]}]}


def changed(**members):
    """The list with these members of its first key; None leaves one out."""
    whole = copy.deepcopy(WHOLE)
    for name, value in members.items():
        if value is None:
            del whole["keys"][0][name]
        else:
            whole["keys"][0][name] = value
    return whole


GOOD = [
    WHOLE, {"keys": []}, changed(limits=None, names=None, labels=None), changed(limits={}, names=[], labels={}),
    changed(limits={"message_kib": 256, "queued": 0, "jobs_per_second": 1_000_000}), changed(name="a" * 63),
    changed(roles=["observe", "submit", "admin", "dispatch"]), changed(names=["n" * 256] * 64),
    changed(labels={f"label-{number}": "*" for number in range(32)}), changed(names=["wäb ?"]),
]
BAD = [
    [], {}, {"keys": {}}, {"keys": [], "more": 1}, {"keys": [7]}, changed(name=None), changed(key=None), changed(roles=None),
    changed(name=""), changed(name="a" * 64), changed(name="-a"), changed(name="a b"), changed(name="local"), changed(name=7),
    changed(key="short"), changed(key="~" * 40), changed(key=7), changed(roles=[]), changed(roles=["root"]), changed(roles="submit"),
    changed(limits=[]), changed(limits={"message_kib": 257}), changed(limits={"queued": -1}), changed(limits={"queued": 1.5}),
    changed(limits={"jobs_per_second": 1_000_001}), changed(limits={"cpus": 1}), changed(names=[""]), changed(names=["a\nb"]),
    changed(names=["n" * 257]), changed(names=["n"] * 65), changed(names="web"), changed(labels={"": "a"}), changed(labels={"a": ""}),
    changed(labels={"a": 1}), changed(labels={f"label-{number}": "*" for number in range(33)}), changed(colour="red"),
]


class KeysSchema(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.keys = pathlib.Path(folder.name) / "keys"
        self.keys.mkdir(mode=0o700)
        self.config = pathlib.Path(folder.name) / "droverd.json"
        self.config.write_text(json.dumps({"bus": {"keys": str(self.keys)}}))

    def program(self, document):
        """What is wrong with it; "" for nothing."""
        file = self.keys / "allow.json"
        file.write_text(json.dumps(document))
        file.chmod(0o600)
        ended = subprocess.run([DROVER, "keys", "list", "--config", str(self.config)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, check=False)
        return "" if ended.returncode == 0 else ended.stderr or "no word"

    def test_both_take_the_same(self):
        check = jsonschema.Draft7Validator(SCHEMA)
        jsonschema.Draft7Validator.check_schema(SCHEMA)
        for document in GOOD:
            self.assertEqual(self.program(document), "", document)
            self.assertEqual([error.message for error in check.iter_errors(document)], [], document)
        for document in BAD:
            self.assertIn("allow", self.program(document), document)
            self.assertFalse(check.is_valid(document), document)


if __name__ == "__main__":
    unittest.main(verbosity=2)
