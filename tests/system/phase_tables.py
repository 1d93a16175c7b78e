# SPDX-License-Identifier: Apache-2.0
"""What lists of system calls are compared by: critical calls, kernel vulnerabilities, payloads, published figures."""

# The calls that earlier work on phases counts as critical for security.
CRITICAL = ("accept accept4 bind chmod clone connect execve execveat fork listen mprotect ptrace recvfrom setgid setreuid "
            "setuid socket").split()

# Vulnerabilities of the kernel by the calls at whose entrance they lie, from the public CVE list: cut off if none is allowed.
CVES = {
    "CVE-2014-3153": "futex", "CVE-2014-4699": "ptrace", "CVE-2014-5207": "mount", "CVE-2014-7970": "pivot_root",
    "CVE-2014-9529": "keyctl", "CVE-2015-3290": "modify_ldt", "CVE-2015-5157": "modify_ldt", "CVE-2016-0728": "keyctl",
    "CVE-2016-2383": "bpf", "CVE-2016-4557": "bpf", "CVE-2016-4997": "setsockopt", "CVE-2016-5195": "madvise",
    "CVE-2016-7911": "ioprio_get", "CVE-2016-8655": "setsockopt", "CVE-2016-9793": "setsockopt", "CVE-2016-10229": "recvfrom recvmsg",
    "CVE-2017-5123": "waitid", "CVE-2017-6001": "perf_event_open", "CVE-2017-7308": "setsockopt", "CVE-2017-11176": "mq_notify",
    "CVE-2017-14954": "waitid", "CVE-2017-15951": "keyctl request_key", "CVE-2017-16995": "bpf", "CVE-2017-17712": "sendto sendmsg",
    "CVE-2017-18344": "timer_create", "CVE-2018-11508": "adjtimex", "CVE-2018-12233": "setxattr", "CVE-2018-13053": "clock_nanosleep",
    "CVE-2018-14634": "execve execveat", "CVE-2018-18281": "mremap", "CVE-2018-1000199": "ptrace", "CVE-2019-10125": "io_submit",
    "CVE-2019-13272": "ptrace", "CVE-2020-8835": "bpf", "CVE-2021-3490": "bpf", "CVE-2021-22555": "setsockopt",
    "CVE-2021-33909": "mkdir mkdirat", "CVE-2021-41073": "io_uring_setup", "CVE-2022-0185": "fsconfig", "CVE-2022-0492": "unshare",
    "CVE-2022-0847": "splice", "CVE-2022-2602": "io_uring_setup", "CVE-2023-2598": "io_uring_register",
}

# Kinds of payloads (shellcode) by what each of them needs; of the calls in one word ("a|b") one is enough.
PAYLOADS = {
    "start a shell": "execve|execveat",
    "reverse shell": "socket connect dup2|dup3|fcntl execve|execveat",
    "bind shell": "socket bind listen accept|accept4 dup2|dup3|fcntl execve|execveat",
    "shell on a connection that is there": "getpeername|recvfrom|read dup2|dup3|fcntl execve|execveat",
    "download and start": "socket connect open|openat|memfd_create write execve|execveat",
    "set-user-id shell": "setuid|setreuid|setresuid execve|execveat",
    "change rights of a file": "chmod|fchmod|fchmodat",
    "write a file such as /etc/passwd": "open|openat|creat write|writev|pwrite64",
    "leave a chroot": "chroot chdir|fchdir",
    "fork bomb": "fork|vfork|clone|clone3",
    "kill other processes": "kill|tkill|tgkill",
    "inject into a process": "ptrace|process_vm_writev",
    "stage two in fresh memory": "mmap|mprotect read|recvfrom|recvmsg",
    "load a kernel module": "init_module|finit_module",
    "reboot": "reboot",
}

# Calls allowed in init and serving as published, and analysis time in seconds. TSP: Temporal Specialization, corrected.
PUBLISHED = {
    "nginx": ("109/100", "108/104", "156/147", "5.01", "83"),
    "Apache": ("94/80", "92/92", "140/125", "0.73", "17"),
    "memcached": ("100/85", "98/85", "124/109", "0.45", "3"),
    "redis": ("91/83", "92/85", "137/129", "1.23", "23"),
    "lighttpd": ("95/76", "95/93", "187/168", "0.56", "3"),
    "bind9": ("100/83", "112/103", "174/157", "4.06", "562"),
}


def cut_off(allowed):
    """How many critical calls, vulnerabilities and kinds of payloads a list cuts off."""
    critical = [call for call in CRITICAL if call not in allowed]
    cves = [cve for cve, calls in CVES.items() if not set(calls.split()) & allowed]
    payloads = [name for name, needs in PAYLOADS.items()
                if not all(set(need.split("|")) & allowed for need in needs.split())]
    return critical, cves, payloads
