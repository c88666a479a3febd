# The loop (libev), and the only code that sees libwebsockets: sockets, HTTP, websockets, the writer.
noinst_LIBRARIES += libsio-net.a
libsio_net_a_SOURCES = \
	broker/net/address.c \
	broker/net/conn.c broker/net/impl.h \
	broker/net/http.c \
	broker/net/http_answer.c \
	broker/net/http_parse.c broker/net/http_parse.h \
	broker/net/listener.c broker/net/listener.h \
	broker/net/loop.c broker/net/loop.h broker/net/loop_ev.h \
	broker/net/page.c \
	broker/net/writer.c \
	broker/net/ws.c

check_PROGRAMS += tests/unit/net/http_parse_test tests/unit/net/loop_test
tests_unit_net_http_parse_test_SOURCES = tests/unit/net/http_parse_test.c
tests_unit_net_http_parse_test_LDADD = libsio-net.a libsio-eio.a libparley-base.a $(UNISTRING_LIBS) $(CMOCKA_LIBS)
tests_unit_net_loop_test_SOURCES = tests/unit/net/loop_test.c
tests_unit_net_loop_test_LDADD = libsio-net.a libparley-base.a $(EV_LIBS) $(CMOCKA_LIBS)
