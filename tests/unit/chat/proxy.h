/*
 * A wire between libpq and PostgreSQL that can be cut: it forwards one unix socket to another, byte
 * for byte, and on demand drops the server's next answer and closes both ends.
 */
#ifndef PARLEY_TESTS_UNIT_CHAT_PROXY_H
#define PARLEY_TESTS_UNIT_CHAT_PROXY_H

struct proxy;

/* Listens in a directory of its own and connects to the server of PARLEY_TEST_PG. */
struct proxy *proxy_start(void);
void proxy_stop(struct proxy *proxy);

/* Connection string through it. */
const char *proxy_conninfo(const struct proxy *proxy);

/* From now on: forward what the client sends, wait until the server has answered, and cut instead
 * of forwarding the answer; once. */
void proxy_cut_next_answer(struct proxy *proxy);

/* The same, but cut before anything is forwarded to the server. */
void proxy_cut_next_request(struct proxy *proxy);

#endif
