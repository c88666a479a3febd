# See docs/ARCHITECTURE.md
# One PostgreSQL connection: the only folder that sees libpq.
noinst_LIBRARIES += libparley-db.a
libparley_db_a_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
libparley_db_a_SOURCES = \
	shared/db/connection.c \
	shared/db/db.h shared/db/db_internal.h \
	shared/db/error.c \
	shared/db/param.c \
	shared/db/pipeline.c \
	shared/db/result.c \
	shared/db/script.c
