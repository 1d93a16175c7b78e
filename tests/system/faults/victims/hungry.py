# SPDX-License-Identifier: Apache-2.0
"""Makes its supervisor remember much: thousands of functions, each with a forbidden call of its own."""

import json
import os
import sys

import attempt
import many  # written by the case: thousands of functions

print("ready", flush=True)
sys.stdin.readline()
refused = set()
for function in many.FUNCTIONS:
    refused.add(function(attempt.by_spawn, sys.argv[1]))
print(json.dumps({"refused": sorted(refused), "after": attempt.attempts(sys.argv[1])}))
print("alive to the end")
