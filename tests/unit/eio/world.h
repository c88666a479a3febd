/* What the tests of Engine.IO sessions have in common: a server that echoes, a network that is
 * none. */
#ifndef PARLEY_TESTS_UNIT_EIO_WORLD_H
#define PARLEY_TESTS_UNIT_EIO_WORLD_H

#include "tests/unit/eio/fake_net.h"

#define NEW "/engine.io/?EIO=4&transport=polling"
#define NEW_WS "/engine.io/?EIO=4&transport=websocket"

struct eio_stream;

struct world {
    struct eio_server *server;
    struct fake_net net;
    struct fake_http get, post;
    struct fake_ws ws, ws2;
    struct eio_session *session;
    struct eio_stream *stream;
    int opened, closed, wants, gone;
    enum eio_reason reason;
    char sid[64];
};

extern struct world world;

/* Pings after 300 ms, waits 200 ms for the pong; 1000 bytes of payload; 2000 bytes and 50 packets
 * of output, 3000 bytes in all; two sessions of an address; now is 1000. */
int world_setup(void **state);
/* Also checks that nothing is left. */
int world_teardown(void **state);

/* NEW or NEW_WS with the session's sid. */
const char *world_target(const char *target);
/* A GET, and the end of the turn. */
void world_get(const char *target);
/* A POST to the session, and the end of the turn. */
void world_post(const char *body);
void world_open_polling(void);
void world_open_ws(void);
/* Emit a text message to the session. */
void world_send(const char *text);

void world_assert_get(int status, const char *body);
/* The next frame is this text. */
void world_assert_frame(struct fake_ws *ws, const char *text);
/* The next frame is a close frame with that code; 0: without one. */
void world_assert_ws_closed(struct fake_ws *ws, int code);

#endif
