# SPDX-License-Identifier: Apache-2.0
"""The graph of the static analysis against stacks of real runs.

Usage: analysis_stacks.py EDGES NAME…. Runs each program below `strace -f -k`; every pair of neighbouring frames must be an
edge of the graph, every function seen must be reachable. At most 0.5 % of the distinct pairs may be unexplained; the
known classes of those are in docs/static-analysis.md.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

from analysis_trace import calls_of_program
from analysis_workloads import WORKLOADS
from harness import Broken, WORK

MOST_UNEXPLAINED = 0.005


def pairs_of(trace, program):
    pairs = set()
    for _, frames in calls_of_program(trace, program):
        for callee, caller in zip(frames, frames[1:]):
            if callee and caller:
                pairs.add((callee, caller))
    return pairs


def compare(edges, name):
    """What the graph says of the stacks of one workload."""
    program, workload, libraries = WORKLOADS[name]
    program = os.path.realpath(program)
    directory = tempfile.mkdtemp(prefix="stacks-", dir=WORK)
    os.chmod(directory, 0o777)
    trace, list_of_pairs = os.path.join(directory, "trace"), os.path.join(directory, "pairs")
    workload(["strace", "-f", "-k", "-qq", "-s", "0", "-A", "-o", trace], directory)
    pairs = pairs_of(trace, program)
    with open(list_of_pairs, "w", encoding="utf-8") as file:
        for (callee, callee_at), (caller, caller_at) in sorted(pairs):
            file.write(f"{callee} {callee_at:x} {caller} {caller_at:x}\n")
    done = subprocess.run([edges, program, list_of_pairs, *libraries()], check=True, capture_output=True, text=True)
    shutil.rmtree(directory)
    answer = json.loads(done.stdout)
    if answer["counts"].get("pairs", 0) < 100:
        raise Broken(f"{name}: only {answer['counts']}; does strace -k work here?")
    return answer


def section(edges, names=("nginx", "apache2", "redis", "memcached")):
    """Markdown: the table of docs/evaluation.md."""
    text = "\n## The graph against real stacks\n\nPairs of neighbouring frames of `strace -k`: each should be an edge of the graph, and each function seen should be "
    text += "reachable\n([classes of those that are not explained](static-analysis.md#what-it-finds)).\n\n"
    text += "| program | pairs | direct | tail calls | through pointers | not explained | functions | unreachable |\n" + "|---" * 8 + "|\n"
    for name in names:
        answer = compare(edges, name)
        counts = {kind: answer["counts"].get(kind, 0) for kind in ("pairs", "direct", "tail", "pointer", "unexplained")}
        text += f"| {name} | {counts['pairs']} | {counts['direct']} | {counts['tail']} | {counts['pointer']} | {counts['unexplained']} "
        text += f"({100 * counts['unexplained'] / counts['pairs']:.2f} %) | {answer['functions']} | {len(answer['unreachable'])} |\n"
    return text


def check(edges, name):
    answer = compare(edges, name)
    counts = answer["counts"]
    total, unexplained = counts.get("pairs", 0), counts.get("unexplained", 0)
    print(f"{name}: {total} pairs ({counts.get('direct', 0)} direct, {counts.get('tail', 0)} tail, {counts.get('pointer', 0)} pointer), "
          f"{unexplained} unexplained ({100 * unexplained / max(total, 1):.2f} %), {counts.get('elsewhere', 0)} elsewhere; "
          f"{answer['functions']} functions, {len(answer['unreachable'])} unreachable")
    for kind in ("unexplained", "unreachable"):
        for line in answer[kind]:
            print(f"    {kind}: {line}")
    return unexplained <= MOST_UNEXPLAINED * total and not answer["unreachable"]


def main(edges, names):
    os.makedirs(WORK, exist_ok=True)
    return 0 if all([check(edges, name) for name in names]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except Broken as error:
        sys.exit(f"analysis_stacks: {error}")
