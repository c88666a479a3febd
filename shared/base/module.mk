# Buffers, strings, time, ids, log, configuration, limits, errors. Depends on nothing of ours.
noinst_LIBRARIES += libparley-base.a
libparley_base_a_SOURCES = \
	shared/base/err.c shared/base/err.h \
	shared/base/idmap.c shared/base/idmap.h \
	shared/base/list.h \
	shared/base/banned.h
