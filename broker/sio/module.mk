# Socket.IO v5: packets, namespaces, acks, rooms, recovery.
noinst_LIBRARIES += libsio-sio.a
libsio_sio_a_SOURCES = \
	broker/sio/packet.c broker/sio/packet.h \
	broker/sio/placeholder.c \
	broker/sio/sio.h
