# The mosquitto plugin for devices: a shared module, and its parts that know no mosquitto as a
# library for the unit tests.
noinst_LIBRARIES += libparley-mqtt-plugin.a
libparley_mqtt_plugin_a_SOURCES = \
	broker/mqtt-plugin/reader.c broker/mqtt-plugin/reader.h \
	broker/mqtt-plugin/topic.c broker/mqtt-plugin/topic.h

# Not a program, but built like one: libtool would add nothing that is needed here.
plugindir = $(libdir)/parley
plugin_PROGRAMS = parley-devices.so
parley_devices_so_SOURCES = \
	broker/mqtt-plugin/devices.c broker/mqtt-plugin/devices.h \
	broker/mqtt-plugin/hold.c broker/mqtt-plugin/hold.h \
	broker/mqtt-plugin/plugin.c \
	broker/mqtt-plugin/props.c broker/mqtt-plugin/props.h \
	broker/mqtt-plugin/waker.c broker/mqtt-plugin/waker.h \
	broker/mqtt-plugin/worker.c broker/mqtt-plugin/worker.h
parley_devices_so_LDFLAGS = -shared -pthread $(BUILD_LDFLAGS) -Wl,--exclude-libs,ALL
parley_devices_so_LDADD = libparley-mqtt-plugin.a libparley-chat.a libparley-store.a libparley-db.a \
	libparley-auth.a libparley-base.a \
	$(MOSQ_LIBS) $(JSONC_LIBS) $(PQ_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(INIH_LIBS) $(UNISTRING_LIBS)

check_PROGRAMS += tests/unit/mqtt-plugin/topic_test
tests_unit_mqtt_plugin_topic_test_SOURCES = tests/unit/mqtt-plugin/topic_test.c
tests_unit_mqtt_plugin_topic_test_LDADD = libparley-mqtt-plugin.a libparley-chat.a libparley-base.a \
	$(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/mqtt-plugin/reader_test
tests_unit_mqtt_plugin_reader_test_SOURCES = tests/unit/mqtt-plugin/reader_test.c
tests_unit_mqtt_plugin_reader_test_LDADD = libparley-mqtt-plugin.a libparley-chat.a libparley-base.a \
	$(CMOCKA_LIBS)
