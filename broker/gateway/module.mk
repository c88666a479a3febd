# The push broker: chat events <-> Socket.IO, fan-out, repair.
noinst_LIBRARIES += libparley-gateway.a
libparley_gateway_a_SOURCES = \
	broker/gateway/absence.c broker/gateway/absence.h \
	broker/gateway/backlog.c broker/gateway/backlog.h \
	broker/gateway/announce.c broker/gateway/announce.h \
	broker/gateway/app_event.c broker/gateway/app_event.h \
	broker/gateway/catchup.c broker/gateway/catchup.h \
	broker/gateway/claim.c broker/gateway/claim.h \
	broker/gateway/client.c broker/gateway/client.h \
	broker/gateway/command.c broker/gateway/command.h \
	broker/gateway/connect.c broker/gateway/connect.h \
	broker/gateway/expiry.c broker/gateway/expiry.h \
	broker/gateway/device.c broker/gateway/device.h \
	broker/gateway/gather.c broker/gateway/gather.h \
	broker/gateway/gateway.c broker/gateway/gateway.h \
	broker/gateway/identify.c broker/gateway/identify.h \
	broker/gateway/indexer.c broker/gateway/indexer.h \
	broker/gateway/livelog.c broker/gateway/livelog.h \
	broker/gateway/metrics.c broker/gateway/metrics.h \
	broker/gateway/news.c broker/gateway/news.h \
	broker/gateway/offset.c broker/gateway/offset.h \
	broker/gateway/pool.c broker/gateway/pool.h \
	broker/gateway/presence.c broker/gateway/presence.h \
	broker/gateway/probe.c broker/gateway/probe.h \
	broker/gateway/record.c broker/gateway/record.h \
	broker/gateway/recovery.c broker/gateway/recovery.h \
	broker/gateway/relay.c broker/gateway/relay.h \
	broker/gateway/reload.c broker/gateway/reload.h \
	broker/gateway/repair.c broker/gateway/repair.h \
	broker/gateway/restore.c broker/gateway/restore.h \
	broker/gateway/ring.c broker/gateway/ring.h \
	broker/gateway/room.c broker/gateway/room.h \
	broker/gateway/roomname.c broker/gateway/roomname.h \
	broker/gateway/seqlog.c broker/gateway/seqlog.h \
	broker/gateway/recoverable.c broker/gateway/recoverable.h \
	broker/gateway/timeline.c broker/gateway/timeline.h \
	broker/gateway/times.c broker/gateway/times.h \
	broker/gateway/typing.c broker/gateway/typing.h \
	broker/gateway/user.c broker/gateway/user.h \
	broker/gateway/writers.c broker/gateway/writers.h

check_PROGRAMS += tests/unit/gateway/seqlog_test
tests_unit_gateway_seqlog_test_SOURCES = tests/unit/gateway/seqlog_test.c
tests_unit_gateway_seqlog_test_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/gather_test
tests_unit_gateway_gather_test_SOURCES = tests/unit/gateway/gather_test.c
tests_unit_gateway_gather_test_LDADD = libparley-gateway.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/absence_test
tests_unit_gateway_absence_test_SOURCES = tests/unit/gateway/absence_test.c
tests_unit_gateway_absence_test_LDADD = libparley-gateway.a libparley-base.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/room_test
tests_unit_gateway_room_test_SOURCES = tests/unit/gateway/room_test.c \
	tests/unit/gateway/world.c tests/unit/gateway/world.h
tests_unit_gateway_room_test_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a \
	$(INIH_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/recovery_test
tests_unit_gateway_recovery_test_SOURCES = tests/unit/gateway/recovery_test.c \
	tests/unit/gateway/world.c tests/unit/gateway/world.h
tests_unit_gateway_recovery_test_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a \
	$(INIH_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/presence_test
tests_unit_gateway_presence_test_SOURCES = tests/unit/gateway/presence_test.c \
	tests/unit/gateway/world.c tests/unit/gateway/world.h
tests_unit_gateway_presence_test_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a \
	$(INIH_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/gateway/news_test
tests_unit_gateway_news_test_SOURCES = tests/unit/gateway/news_test.c \
	tests/unit/gateway/world.c tests/unit/gateway/world.h
tests_unit_gateway_news_test_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a \
	$(INIH_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)

sbin_PROGRAMS += parley-broker
parley_broker_SOURCES = broker/gateway/main.c
parley_broker_LDADD = libparley-gateway.a libsio-sio.a libsio-net.a libsio-sio.a libsio-eio.a \
	libparley-chat.a libparley-store.a libparley-db.a libparley-bus.a libparley-auth.a libparley-base.a \
	$(LWS_LIBS) $(EV_LIBS) $(ZLIB_LIBS) $(JSONC_LIBS) $(PQ_LIBS) $(MOSQ_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(INIH_LIBS) $(UNISTRING_LIBS)

# What the metrics cost; by hand.
EXTRA_PROGRAMS += tests/bench/metrics_bench
tests_bench_metrics_bench_SOURCES = tests/bench/metrics_bench.c
tests_bench_metrics_bench_LDADD = libparley-gateway.a libparley-chat.a libparley-base.a
