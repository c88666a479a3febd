# The MQTT 5 connection; the only folder that sees libmosquitto.
noinst_LIBRARIES += libparley-bus.a
libparley_bus_a_SOURCES = \
	shared/bus/bus.c shared/bus/bus.h \
	shared/bus/bus_thread.c \
	shared/bus/connector.c shared/bus/connector.h
libparley_bus_a_CFLAGS = $(AM_CFLAGS) $(MOSQ_CFLAGS)

check_PROGRAMS += tests/unit/bus/bus_test
tests_unit_bus_bus_test_SOURCES = tests/unit/bus/bus_test.c
tests_unit_bus_bus_test_LDADD = libparley-bus.a libparley-base.a \
	$(MOSQ_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/lib/mosquitto.sh
