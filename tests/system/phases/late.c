/* SPDX-License-Identifier: Apache-2.0 */
/* A library that a server loads when it runs already; its function says that the server serves. */
int late_calls;

__attribute__((noinline)) void late_begin(void) { late_calls++; }
