# Engine.IO v4: packets and payloads, the query string, websocket frames, sessions.
noinst_LIBRARIES += libsio-eio.a
libsio_eio_a_SOURCES = \
	broker/eio/base64.c \
	broker/eio/fields.c broker/eio/fields.h \
	broker/eio/packet.c broker/eio/packet.h \
	broker/eio/query.c broker/eio/query.h \
	broker/eio/ws_frame.c broker/eio/ws_frame.h
