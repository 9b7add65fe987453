"""SFA's analyzer, fed by path like the rivals: the child's own warm-up, then an ``analyze`` a line.

Reads paths on stdin, answers a JSON object a line: seconds and cpu of reading and analysing.
"""

import json
import sys
import time

from sfa.ports import protocol
from sfa.ports.child import Call
from sfa.ports.children.analyzer import load

OPS = load()
for line in sys.stdin:
    wall, cpu = time.perf_counter(), time.process_time()
    call = Call(protocol.Request("1", "analyze", {"audio": line.strip()}), lambda _: None)
    json.dumps(OPS["analyze"](call), allow_nan=False)
    answer = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(answer), flush=True)
