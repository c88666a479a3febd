# See docs/ARCHITECTURE.md
# One PostgreSQL connection: the only folder that sees libpq.
noinst_LIBRARIES += libparley-db.a
libparley_db_a_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
libparley_db_a_SOURCES = \
	shared/db/connection.c \
	shared/db/db.h shared/db/db_internal.h \
	shared/db/error.c \
	shared/db/hosts.c \
	shared/db/param.c \
	shared/db/pipeline.c \
	shared/db/result.c \
	shared/db/script.c \
	shared/db/timeline.c

# Unit tests that need PostgreSQL start a private one (tests/lib/pg.sh).
EXTRA_DIST += tests/lib/pg.sh
PG_TEST_SOURCES = tests/unit/pg.c tests/unit/pg.h
PG_TEST_CPPFLAGS = $(AM_CPPFLAGS) -DTOP_SRCDIR='"$(abs_top_srcdir)"' $(CMOCKA_CFLAGS)

check_PROGRAMS += tests/unit/db/db_test
tests_unit_db_db_test_SOURCES = tests/unit/db/db_test.c $(PG_TEST_SOURCES)
tests_unit_db_db_test_CPPFLAGS = $(PG_TEST_CPPFLAGS)
tests_unit_db_db_test_LDADD = libparley-db.a libparley-base.a $(PQ_LIBS) $(UNISTRING_LIBS) $(CMOCKA_LIBS)
