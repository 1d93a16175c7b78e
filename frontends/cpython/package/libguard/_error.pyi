class LibguardError(Exception):
    what: str
    hint: str
    code: str
    def __init__(self, what: str, hint: str, code: str) -> None: ...
