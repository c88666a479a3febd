# Tests of the sources themselves: layers, sizes, comments; and of how the programs are built.
dist_check_SCRIPTS += \
	tests/shape/hardened.sh \
	tests/shape/layers.pl \
	tests/shape/shape.pl \
	tests/shape/selftest.pl

# The server that protocol test suites are run against; links the Socket.IO library only.
noinst_PROGRAMS += tests/conformance/echo-server
tests_conformance_echo_server_SOURCES = \
	tests/conformance/echo-server.c \
	tests/conformance/profile.h \
	tests/conformance/profile_client.c \
	tests/conformance/profile_eio.c tests/conformance/profile_suite.c
tests_conformance_echo_server_LDADD = libsio-sio.a libsio-net.a libsio-eio.a libparley-base.a \
	$(LWS_LIBS) $(EV_LIBS) $(ZLIB_LIBS) $(UNISTRING_LIBS)

# ./dev bench: the load generator, the bare baselines, and the Socket.IO library alone.
noinst_PROGRAMS += tests/bench/load/load tests/bench/baseline tests/bench/broadcast-server
tests_bench_load_load_SOURCES = tests/bench/load/main.c tests/bench/load/conn.c \
	tests/bench/load/rooms.c tests/bench/load/turns.c tests/bench/load/hist.c \
	tests/bench/load/load.h tests/bench/load/hist.h
tests_bench_baseline_SOURCES = tests/bench/baseline.c
tests_bench_broadcast_server_SOURCES = tests/bench/broadcast_server.c
tests_bench_broadcast_server_LDADD = libsio-sio.a libsio-net.a libsio-eio.a libparley-base.a \
	$(LWS_LIBS) $(EV_LIBS) $(ZLIB_LIBS) $(UNISTRING_LIBS)
