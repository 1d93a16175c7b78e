// SPDX-License-Identifier: Apache-2.0
/* The messages by which a process gets a detached supervisor: the detached door.
 *
 * Way:     before everything: no call is judged until the door is closed again.
 * Thread:  one thread on each side; each message is one packet of a SOCK_SEQPACKET pair, in this order.
 * Failure: a packet of another size or version ends it; the process then refuses to start.
 *
 *   process                                   supervisor, started as `libguard supervise --fd 3`
 *   lg_door_request (+ standard error) ->     reads its settings from the environment (LIBGUARD_*)
 *                                    <-       lg_door_answer, then `filter_bytes` bytes of struct sock_filter,
 *                                             or with status != 0 `text_bytes` bytes of text (what, newline, hint)
 *   installs the filter (no_new_privs, NEW_LISTENER)
 *   its courier: lg_door_listener + SCM_RIGHTS ->  takes the listener, serves
 *                                    <-       lg_door_ready
 *   closes the socket                         closes the socket
 */
#ifndef LIBGUARD_DOOR_H
#define LIBGUARD_DOOR_H

#include <linux/types.h>

#include "bpf/abi.h"

#define LG_DOOR_FD 3
#define LG_DOOR_MAX_PACKET 65536 /* header and payload */

/* The supervisor's pid, for programs that are executed in its guard; set where Yama asks for it. */
#define LG_SUPERVISOR_VARIABLE "LIBGUARD_SUPERVISOR"

struct lg_door_request {
  __u32 version; /* LG_ABI_VERSION */
  __s32 pid;     /* of the process, as it sees itself */
};
LG_ASSERT_SIZE(struct lg_door_request, 8);

struct lg_door_answer {
  __u32 version;
  __u32 status;       /* 0: the filter follows; else the exit status that the process should take */
  __s32 supervisor;   /* pid, for PR_SET_PTRACER; 0: nobody needs to be named */
  __u32 filter_bytes; /* a multiple of sizeof(struct sock_filter) */
  __u32 text_bytes;
};
LG_ASSERT_SIZE(struct lg_door_answer, 20);

struct lg_door_listener {
  __u32 version;
};
LG_ASSERT_SIZE(struct lg_door_listener, 4);

struct lg_door_ready {
  __u32 version;
  __u32 status; /* 0 */
};
LG_ASSERT_SIZE(struct lg_door_ready, 8);

#endif
