# Buffers, strings, time, ids, log, configuration, limits, errors. Depends on nothing of ours.
noinst_LIBRARIES += libparley-base.a
libparley_base_a_SOURCES = \
	shared/base/banned.h shared/base/span.h shared/base/list.h \
	shared/base/err.c shared/base/err.h \
	shared/base/mem.c shared/base/mem.h \
	shared/base/buf.c shared/base/buf.h \
	shared/base/clock.c shared/base/clock.h \
	shared/base/random.c shared/base/random.h \
	shared/base/hash.c shared/base/hash.h \
	shared/base/idmap.c shared/base/idmap.h \
	shared/base/bucket.c shared/base/bucket.h \
	shared/base/utf8.c shared/base/utf8.h \
	shared/base/json_scan.c shared/base/json_find.c shared/base/json_scan.h \
	shared/base/json_write.c shared/base/json_write.h \
	shared/base/log.c shared/base/log.h \
	shared/base/conf.c shared/base/conf_read.c shared/base/conf.h shared/base/conf_table.h \
	shared/base/settings.def

EXTRA_DIST += docs/parley.conf.sample
