# Engine.IO v4: packets and payloads, the query string, websocket frames, sessions.
noinst_LIBRARIES += libsio-eio.a
libsio_eio_a_SOURCES = \
	broker/eio/answer.c \
	broker/eio/base64.c \
	broker/eio/check.c \
	broker/eio/eio.h broker/eio/impl.h \
	broker/eio/gzip.c broker/eio/gzip.h \
	broker/eio/heartbeat.c \
	broker/eio/polling.c \
	broker/eio/queue.c broker/eio/queue.h \
	broker/eio/server.c \
	broker/eio/session.c \
	broker/eio/stream.c broker/eio/stream.h \
	broker/eio/strtab.c broker/eio/strtab.h \
	broker/eio/timer.c broker/eio/timer.h \
	broker/eio/upgrade.c \
	broker/eio/websocket.c \
	broker/eio/ws_reader.c broker/eio/ws_reader.h \
	broker/eio/frame.c broker/eio/frame.h \
	broker/eio/fields.c broker/eio/fields.h \
	broker/eio/packet.c broker/eio/packet.h \
	broker/eio/query.c broker/eio/query.h \
	broker/eio/ws_frame.c broker/eio/ws_frame.h

check_PROGRAMS += \
	tests/unit/eio/gzip_test \
	tests/unit/eio/packet_test \
	tests/unit/eio/query_test \
	tests/unit/eio/session_test \
	tests/unit/eio/structures_test \
	tests/unit/eio/transport_test \
	tests/unit/eio/ws_frame_test \
	tests/unit/eio/ws_reader_test
vectors_CPPFLAGS = $(AM_CPPFLAGS) -DVECTORS_DIR='"$(abs_top_srcdir)/tests/vectors"'
vectors_sources = tests/vectors/vectors.c tests/vectors/vectors.h
EXTRA_DIST += \
	tests/vectors/eio/origin.txt \
	tests/vectors/eio/packet.txt \
	tests/vectors/eio/payload.txt \
	tests/vectors/eio/query.txt
eio_test_libs = libsio-eio.a libparley-base.a $(ZLIB_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)
tests_unit_eio_gzip_test_SOURCES = tests/unit/eio/gzip_test.c
tests_unit_eio_gzip_test_LDADD = $(eio_test_libs)
tests_unit_eio_packet_test_SOURCES = tests/unit/eio/packet_test.c $(vectors_sources)
tests_unit_eio_packet_test_CPPFLAGS = $(vectors_CPPFLAGS)
tests_unit_eio_packet_test_LDADD = $(eio_test_libs)
tests_unit_eio_query_test_SOURCES = tests/unit/eio/query_test.c $(vectors_sources)
tests_unit_eio_query_test_CPPFLAGS = $(vectors_CPPFLAGS)
tests_unit_eio_query_test_LDADD = $(eio_test_libs)
tests_unit_eio_ws_frame_test_SOURCES = tests/unit/eio/ws_frame_test.c
tests_unit_eio_ws_frame_test_LDADD = $(eio_test_libs)
eio_world = tests/unit/eio/world.c tests/unit/eio/world.h \
	tests/unit/eio/fake_net.c tests/unit/eio/fake_net.h
tests_unit_eio_session_test_SOURCES = tests/unit/eio/session_test.c $(eio_world)
tests_unit_eio_session_test_LDADD = $(eio_test_libs)
tests_unit_eio_structures_test_SOURCES = tests/unit/eio/structures_test.c
tests_unit_eio_structures_test_LDADD = $(eio_test_libs)
tests_unit_eio_transport_test_SOURCES = tests/unit/eio/transport_test.c $(eio_world)
tests_unit_eio_transport_test_LDADD = $(eio_test_libs)
tests_unit_eio_ws_reader_test_SOURCES = tests/unit/eio/ws_reader_test.c
tests_unit_eio_ws_reader_test_LDADD = $(eio_test_libs)
