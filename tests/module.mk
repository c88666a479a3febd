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
