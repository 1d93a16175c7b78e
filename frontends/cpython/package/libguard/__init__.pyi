from ._core import (
    Diff as Diff,
    DiffLine as DiffLine,
    Judged as Judged,
    Observation as Observation,
    Policy as Policy,
    Profile as Profile,
    Rules as Rules,
    accept as accept,
    check as check,
    diff as diff,
    explain as explain,
    groups as groups,
    load_policy as load_policy,
    load_profile as load_profile,
    merge as merge,
    new_policy as new_policy,
    normal_purl as normal_purl,
    parse_policy as parse_policy,
    parse_profile as parse_profile,
    report as report,
    rights as rights,
)
from ._error import LibguardError as LibguardError

__version__: str

def serving() -> bool: ...
