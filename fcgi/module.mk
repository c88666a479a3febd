# The REST interface: routes and resources over shared/chat. Everything but main.c is a library, so
# that tests can do without FastCGI.
noinst_LIBRARIES += libparley-fcgi.a
libparley_fcgi_a_SOURCES = \
	fcgi/app.h fcgi/transport.h fcgi/resources.h \
	fcgi/uri.c fcgi/uri.h \
	fcgi/request.c fcgi/request.h \
	fcgi/response.c fcgi/response.h \
	fcgi/cors.c fcgi/cors.h \
	fcgi/routes.c fcgi/routes.h \
	fcgi/dispatch.c fcgi/publish.c \
	fcgi/command.c fcgi/command.h \
	fcgi/page.c fcgi/page.h \
	fcgi/account.c fcgi/auth.c fcgi/users.c fcgi/channels.c fcgi/members.c fcgi/messages.c fcgi/history.c \
	fcgi/blocks.c fcgi/search.c \
	fcgi/moderation.c \
	fcgi/push.c \
	fcgi/health.c \
	fcgi/lane.c fcgi/lane.h \
	fcgi/stats.c fcgi/stats.h \
	fcgi/mqtt.c fcgi/mqtt.h \
	fcgi/metrics.c fcgi/metrics.h \
	fcgi/metrics_listener.c fcgi/metrics_listener.h \
	fcgi/worker.c fcgi/worker.h \
	fcgi/cgi.c fcgi/cgi.h

FCGI_STACK = libparley-fcgi.a libparley-chat.a libparley-store.a libparley-db.a \
	libparley-bus.a libparley-auth.a libparley-base.a \
	$(FCGI_LIBS) $(PQ_LIBS) $(MOSQ_LIBS) $(SODIUM_LIBS) $(CRYPTO_LIBS) $(INIH_LIBS) $(UNISTRING_LIBS)

FCGI_TEST_LIBS = libparley-fcgi.a libparley-base.a $(UNISTRING_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/fcgi/lane_test
tests_unit_fcgi_lane_test_SOURCES = tests/unit/fcgi/lane_test.c
tests_unit_fcgi_lane_test_LDADD = $(FCGI_TEST_LIBS)
check_PROGRAMS += tests/unit/fcgi/stats_test
tests_unit_fcgi_stats_test_SOURCES = tests/unit/fcgi/stats_test.c
tests_unit_fcgi_stats_test_LDADD = $(FCGI_TEST_LIBS)
check_PROGRAMS += tests/unit/fcgi/uri_test tests/unit/fcgi/cors_test \
	tests/unit/fcgi/request_test tests/unit/fcgi/response_test tests/unit/fcgi/routes_test \
	tests/unit/fcgi/dispatch_test
tests_unit_fcgi_uri_test_SOURCES = tests/unit/fcgi/uri_test.c
tests_unit_fcgi_uri_test_LDADD = $(FCGI_TEST_LIBS)
tests_unit_fcgi_cors_test_SOURCES = tests/unit/fcgi/cors_test.c
tests_unit_fcgi_cors_test_LDADD = $(FCGI_TEST_LIBS)
tests_unit_fcgi_request_test_SOURCES = tests/unit/fcgi/request_test.c tests/unit/fcgi/fake.h
tests_unit_fcgi_request_test_LDADD = $(FCGI_TEST_LIBS)
tests_unit_fcgi_response_test_SOURCES = tests/unit/fcgi/response_test.c tests/unit/fcgi/fake.h
tests_unit_fcgi_response_test_LDADD = $(FCGI_TEST_LIBS)
tests_unit_fcgi_routes_test_SOURCES = tests/unit/fcgi/routes_test.c tests/unit/fcgi/stand_ins.h
tests_unit_fcgi_routes_test_LDADD = $(FCGI_TEST_LIBS)
tests_unit_fcgi_dispatch_test_SOURCES = tests/unit/fcgi/dispatch_test.c \
	tests/unit/fcgi/fake.h tests/unit/fcgi/stand_ins.h
tests_unit_fcgi_dispatch_test_LDADD = $(FCGI_STACK) $(CMOCKA_LIBS)

sbin_PROGRAMS += parley-fcgi
parley_fcgi_SOURCES = fcgi/main.c
parley_fcgi_LDADD = $(FCGI_STACK)
dist_check_SCRIPTS += tests/unit/fcgi/swagger_test.pl
