# The MQTT 5 connection; the only folder that sees libmosquitto.
noinst_LIBRARIES += libparley-bus.a
libparley_bus_a_SOURCES = \
	shared/bus/bus.c shared/bus/bus.h \
	shared/bus/bus_thread.c \
	shared/bus/connector.c shared/bus/connector.h
libparley_bus_a_CFLAGS = $(AM_CFLAGS) $(MOSQ_CFLAGS)
