# The SQL, one file per noun; the only place where statements are written.
noinst_LIBRARIES += libparley-store.a
libparley_store_a_SOURCES = \
	shared/store/migration.c shared/store/migration.h
