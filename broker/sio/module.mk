# Socket.IO v5: packets, namespaces, acks, rooms, recovery.
noinst_LIBRARIES += libsio-sio.a
libsio_sio_a_SOURCES = \
	broker/sio/ack.c broker/sio/impl.h \
	broker/sio/client.c \
	broker/sio/dispatch.c \
	broker/sio/emit.c \
	broker/sio/message.c \
	broker/sio/recovery.c \
	broker/sio/room.c \
	broker/sio/server.c \
	broker/sio/socket.c \
	broker/sio/stream.c \
	broker/sio/packet.c broker/sio/packet.h \
	broker/sio/placeholder.c \
	broker/sio/sio.h

check_PROGRAMS += tests/unit/sio/packet_test
EXTRA_DIST += tests/vectors/sio/packet.txt
tests_unit_sio_packet_test_SOURCES = tests/unit/sio/packet_test.c $(vectors_sources)
tests_unit_sio_packet_test_CPPFLAGS = $(vectors_CPPFLAGS)
tests_unit_sio_packet_test_LDADD = libsio-sio.a libparley-base.a $(UNISTRING_LIBS) $(CMOCKA_LIBS)
sio_world = tests/unit/sio/world.c tests/unit/sio/world.h \
	tests/unit/eio/fake_net.c tests/unit/eio/fake_net.h
sio_world_libs = libsio-sio.a libsio-net.a libsio-eio.a libparley-base.a \
	$(LWS_LIBS) $(EV_LIBS) $(ZLIB_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/sio/recovery_test tests/unit/sio/socket_test
tests_unit_sio_recovery_test_SOURCES = tests/unit/sio/recovery_test.c $(sio_world)
tests_unit_sio_recovery_test_LDADD = $(sio_world_libs)
tests_unit_sio_socket_test_SOURCES = tests/unit/sio/socket_test.c $(sio_world)
tests_unit_sio_socket_test_LDADD = $(sio_world_libs)
