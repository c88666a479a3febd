# Keeps the processes of a `./dev up` running. Depends on nothing of ours.
noinst_PROGRAMS += parley-supervise
parley_supervise_SOURCES = \
	deploy/supervise/supervise.c \
	deploy/supervise/service.c deploy/supervise/service.h

check_PROGRAMS += tests/unit/supervise/service_test
tests_unit_supervise_service_test_SOURCES = tests/unit/supervise/service_test.c \
	deploy/supervise/service.c
tests_unit_supervise_service_test_LDADD = $(CMOCKA_LIBS)
